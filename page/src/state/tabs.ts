// Tabs of one browser tell each other what changed. What they tell is only a hint to look: the server is believed.

export type News =
  | { kind: "turn"; session: string }
  | { kind: "list" }
  | { kind: "gone"; session: string }
  | { kind: "back"; session: string }
  | { kind: "signed-out" };

const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("doorward") : null;

export function tell(news: News): void {
  channel?.postMessage(news);
}

export function listen(take: (news: News) => void): void {
  channel?.addEventListener("message", (event: MessageEvent<News>) => take(event.data));
}
