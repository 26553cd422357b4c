// History: none of these can reach the agent.

import { call, json, query } from "./http";
import type { Conversation, ConversationPage, MessagePage } from "./wire";

export function conversationPage(asked: {
  cursor?: string | null;
  words?: string | null;
  signal?: AbortSignal;
}): Promise<ConversationPage> {
  const path = query("/api/conversations", { limit: 100, cursor: asked.cursor, q: asked.words });
  return json<ConversationPage>("GET", path, { signal: asked.signal });
}

export function messagePage(session: string, cursor: string | null, signal?: AbortSignal): Promise<MessagePage> {
  const path = query(`/api/conversations/${session}`, { limit: 50, ...(cursor ? { cursor } : { from: "end" }) });
  return json<MessagePage>("GET", path, { signal });
}

export function renameConversation(session: string, name: string): Promise<Conversation> {
  return json<Conversation>("PATCH", `/api/conversations/${session}`, { body: { conversation_name: name } });
}

export async function deleteConversation(session: string, keepalive = false): Promise<void> {
  await call("DELETE", `/api/conversations/${session}`, { keepalive });
}

export function exportAddress(session: string, format: "markdown" | "json"): string {
  return query(`/api/conversations/${session}/export`, { format });
}
