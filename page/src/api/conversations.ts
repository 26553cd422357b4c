// History: none of these can reach the agent.

import { call, json, linkable, query } from "./http";
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

export type Format = "markdown" | "json";

// Where a link gets the conversation as a file; null where only a call with the token does (`exported`).
export function exportAddress(session: string, format: Format): string | null {
  return linkable() ? exportPath(session, format) : null;
}

export async function exported(session: string, format: Format): Promise<Blob> {
  return (await call("GET", exportPath(session, format), { accept: "*/*" })).blob();
}

function exportPath(session: string, format: Format): string {
  return query(`/api/conversations/${session}/export`, { format });
}
