// How a message travels, by pattern, and how a turn is followed and stopped.

import { invoke } from "./direct";
import { call, json, query, Unreachable } from "./http";
import type { PageConfig, TurnState } from "./wire";

export interface Outgoing {
  message: string;
  session: string | null;
  key: string;
  signal: AbortSignal;
}

export function send(config: PageConfig, out: Outgoing): Promise<Response> {
  const session = out.session ? { session_id: out.session } : {};
  if (config.direct) return invoke(config.direct, out.message, out.session ?? sessionId(), out.signal);
  if (config.pattern === "conversations") {
    const options = {
      body: { message: out.message, ...session },
      accept: "text/event-stream",
      signal: out.signal,
      key: out.key,
    };
    return call("POST", "/api/chat", options).catch((error) => {
      // F-18: whether it arrived is not known, and with the same key it is safe to ask again.
      if (error instanceof Unreachable && navigator.onLine) return call("POST", "/api/chat", options);
      throw error;
    });
  }
  const body = config.pattern === "front-door" ? { prompt: out.message, ...session } : { message: out.message, ...session };
  const accept = config.pattern === "front-door" ? "text/event-stream" : "application/json";
  return call("POST", "/chat", { body, accept, signal: out.signal });
}

export function turnEvents(turn: string, after: string | null, signal?: AbortSignal): Promise<Response> {
  return call("GET", query(`/api/turns/${turn}/events`, { after }), { accept: "text/event-stream", signal });
}

export function turnState(turn: string): Promise<TurnState> {
  return json<TurnState>("GET", `/api/turns/${turn}`);
}

export function cancelTurn(turn: string): Promise<TurnState> {
  return json<TurnState>("POST", `/api/turns/${turn}/cancel`);
}

// A key for one message: however often it is sent, it is answered once. `crypto.randomUUID` is for secure contexts only.
export function freshKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function sessionId(): string {
  return freshKey().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
