// One message on the screen. What grows is drawn at most once per frame.

import { signal } from "@preact/signals";
import type { AgentEvent, StoredMessage } from "../api/wire";
import { Answer } from "../chat/answer";
import { live } from "../strings";
import { announce, Reader } from "./live";
import { sentence } from "./problems";

export type Status = "sending" | "waiting" | "running" | "complete" | "partial" | "failed";

let count = 0;

export class Message {
  readonly id: string;
  readonly version = signal(0);
  readonly status = signal<Status>("complete");
  // Why an answer ended before its end, or why it does not go on at this moment.
  readonly note = signal("");
  // Whether the steps of a stored answer were read.
  readonly detailed = signal(false);
  answer = new Answer();
  turn: string | null = null;
  at: string;
  private drawn = true;
  private reader: Reader | null = null;

  constructor(
    readonly role: "user" | "assistant",
    readonly content: string,
    id?: string,
  ) {
    count += 1;
    this.id = id ?? `here-${count}`;
    this.at = new Date().toISOString();
  }

  static stored(message: StoredMessage): Message {
    const made = new Message(message.role, message.content, message.id);
    made.turn = message.turn_id;
    made.at = message.timestamp;
    made.status.value = message.status;
    if (message.role === "assistant") made.answer = Answer.written(message.content);
    return made;
  }

  static growing(status: Status): Message {
    const made = new Message("assistant", "");
    made.status.value = status;
    return made;
  }

  get ongoing(): boolean {
    return this.status.value === "sending" || this.status.value === "waiting" || this.status.value === "running";
  }

  get text(): string {
    return this.role === "user" ? this.content : this.answer.text;
  }

  // Takes one event of the turn as it comes; true when it was the last.
  take(event: AgentEvent, fresh: boolean): boolean {
    if (event.type === "TOOL_CALL_START" && fresh) announce(live.usesTool(String(event.toolCallName)));
    if (event.type === "RUN_STARTED" && !this.reader) {
      announce(live.answering);
      this.reader = new Reader();
    }
    this.status.value = "running";
    this.note.value = "";
    this.answer.take(event, fresh ? Date.now() : null);
    const { end } = this.answer;
    if (end) this.ended(end.kind === "error" ? sentence(end.code, end.message || end.code) : "");
    else this.reader?.grown(this.answer.text, Date.now());
    this.draw();
    return end !== null;
  }

  // The answer is over, with the reason when it is not whole.
  ended(why: string): void {
    this.note.value = why;
    this.status.value = why ? (this.answer.empty ? "failed" : "partial") : "complete";
    this.detailed.value = true;
    this.reader?.ended(this.answer.text, why ? `${live.failed} ${why}` : live.finished);
    this.reader = null;
    this.draw();
  }

  reset(): void {
    this.answer.reset();
    this.draw();
  }

  // Not more often than the screen is.
  draw(): void {
    if (!this.drawn) return;
    this.drawn = false;
    const show = () => {
      this.drawn = true;
      this.version.value += 1;
    };
    if (document.hidden) setTimeout(show, 250);
    else requestAnimationFrame(show);
  }
}
