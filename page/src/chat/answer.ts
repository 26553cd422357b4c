// What has been said of one answer so far: AG-UI events in, parts out. Pure; `take` is told the time.

import type { AgentEvent } from "../api/wire";

export interface TextPart {
  kind: "text";
  id: string;
  text: string;
}

// Times in milliseconds since 1970; null when nobody said them.
export interface ToolPart {
  kind: "tool";
  id: string;
  name: string;
  input: string;
  result: string | null;
  begun: number | null;
  ended: number | null;
}

export type Part = TextPart | ToolPart;

export interface Usage {
  model: string;
  input: number;
  output: number;
}

export type End = { kind: "finished" } | { kind: "error"; code: string; message: string };

export class Answer {
  parts: Part[] = [];
  usage: Usage | null = null;
  end: End | null = null;

  // An answer that is only known as its text.
  static written(text: string): Answer {
    const answer = new Answer();
    if (text) answer.parts.push({ kind: "text", id: "", text });
    return answer;
  }

  get text(): string {
    return this.parts
      .filter((part) => part.kind === "text")
      .map((part) => part.text)
      .join("\n\n");
  }

  get empty(): boolean {
    return this.parts.length === 0;
  }

  reset(): void {
    this.parts = [];
    this.usage = null;
    this.end = null;
  }

  // Takes one event. `now` is given when the event happens now, and null when it is read again later.
  take(event: AgentEvent, now: number | null): void {
    const at = typeof event.timestamp === "number" ? event.timestamp : now;
    switch (event.type) {
      case "TEXT_MESSAGE_START":
        this.parts.push({ kind: "text", id: textOf(event.messageId), text: "" });
        return;
      case "TEXT_MESSAGE_CONTENT":
      case "TEXT_MESSAGE_CHUNK":
        this.write(textOf(event.messageId), textOf(event.delta));
        return;
      case "TOOL_CALL_START":
        this.parts.push({
          kind: "tool",
          id: textOf(event.toolCallId),
          name: textOf(event.toolCallName),
          input: "",
          result: null,
          begun: at,
          ended: null,
        });
        return;
      case "TOOL_CALL_ARGS": {
        const tool = this.tool(event.toolCallId);
        if (tool) tool.input += textOf(event.delta);
        return;
      }
      case "TOOL_CALL_RESULT": {
        const tool = this.tool(event.toolCallId);
        if (!tool) return;
        tool.result = textOf(event.content);
        tool.ended = at;
        return;
      }
      case "CUSTOM":
        this.custom(event);
        return;
      case "RUN_FINISHED":
        this.end = { kind: "finished" };
        return;
      case "RUN_ERROR":
        this.end = { kind: "error", code: textOf(event.code), message: textOf(event.message) };
        return;
      default:
        return;
    }
  }

  private write(id: string, delta: string): void {
    const last = this.parts.at(-1);
    if (last?.kind === "text" && (last.id === id || !id)) last.text += delta;
    else this.parts.push({ kind: "text", id, text: delta });
  }

  private tool(id: unknown): ToolPart | undefined {
    return this.parts.findLast((part): part is ToolPart => part.kind === "tool" && part.id === id);
  }

  private custom(event: AgentEvent): void {
    if (event.name !== "usage" || event.value === null || typeof event.value !== "object") return;
    const said = event.value as Record<string, unknown>;
    const before = this.usage;
    this.usage = {
      model: textOf(said.model) || before?.model || "",
      input: (before?.input ?? 0) + numberOf(said.inputTokens),
      output: (before?.output ?? 0) + numberOf(said.outputTokens),
    };
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value);
}

function numberOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
