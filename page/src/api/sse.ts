// Server-sent events from a fetch, as WHATWG HTML 9.2.6 reads them, and what an agent may say in them.

import type { AgentEvent } from "./wire";

export interface Frame {
  id: string | null;
  event: string;
  data: string;
}

export async function* frames(body: ReadableStream<Uint8Array>): AsyncGenerator<Frame> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const cut = split(rest + value);
      rest = cut.rest;
      yield* cut.frames;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// The whole frames of a text, and what is left of it.
export function split(text: string): { frames: Frame[]; rest: string } {
  const parts = text.replace(/\r\n/g, "\n").split("\n\n");
  const rest = parts.pop() ?? "";
  return { frames: parts.map(frameOf).filter((frame) => frame !== null), rest };
}

function frameOf(text: string): Frame | null {
  const frame: Frame = { id: null, event: "message", data: "" };
  const data: string[] = [];
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith(":")) continue;
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") data.push(value);
    else if (name === "id") frame.id = value;
    else if (name === "event") frame.event = value;
  }
  if (!data.length && frame.event === "message") return null;
  frame.data = data.join("\n");
  return frame;
}

// Any JSON that an agent may say, as AG-UI events.
export function understood(value: unknown): AgentEvent[] {
  if (typeof value === "string") return [text(value)];
  if (value === null || typeof value !== "object") return [text(JSON.stringify(value))];
  const said = value as Record<string, unknown>;
  if (typeof said.type === "string" && /^[A-Z_]+$/.test(said.type)) return [said as AgentEvent];
  if (said.error && said.error_type) return [{ type: "RUN_ERROR", message: String(said.error) }];
  for (const key of ["response", "result", "text", "output", "message", "content"]) {
    const found = said[key];
    if (typeof found === "string") return [text(found)];
  }
  if (Array.isArray(said.events)) return said.events.flatMap(understood);
  return [text(JSON.stringify(said))];
}

function text(delta: string): AgentEvent {
  return { type: "TEXT_MESSAGE_CONTENT", delta };
}

export function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}
