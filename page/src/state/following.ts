// Following one turn to its end, over as many connections as it takes.

import { cancelTurn, turnEvents, turnState } from "../api/chat";
import { isAbort, Refusal } from "../api/http";
import { frames, parsed, understood } from "../api/sse";
import { problems, talk as words } from "../strings";
import type { Message } from "./message";
import { sentence } from "./problems";

const PAUSES = [300, 700, 1500, 3000, 6000, 12_000]; // milliseconds before each new try

export class Following {
  readonly abort = new AbortController();
  turn: string | null;
  private last: string | null = null;
  private heard = 0;
  private stopped = false;

  // `resumes` says whether the turn can be read on (pattern `conversations`).
  constructor(
    readonly message: Message,
    private readonly resumes: boolean,
    turn: string | null = null,
  ) {
    this.turn = turn;
  }

  // Reads an answer that has begun to come, and reads on until its end. Throws when it cannot be read on.
  async through(response: Response): Promise<void> {
    let done = await this.pour(response, true);
    if (!this.resumes && !done) this.message.ended(this.message.answer.empty ? problems.unreachable : words.partial);
    for (let tries = 0; this.resumes && !done; tries += 1) {
      this.message.note.value = words.reconnecting;
      const before = this.heard;
      done = await this.again(tries);
      if (this.heard > before) tries = -1;
    }
  }

  // A turn that already runs: its events from the first.
  async fromStart(): Promise<void> {
    this.message.reset();
    this.last = null;
    for (let tries = -1; !(await this.again(tries)); tries += 1) this.message.note.value = words.reconnecting;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.turn && this.resumes) await cancelTurn(this.turn);
    // On its way: its turn is not known yet, and is stopped when it is.
    else if (!this.resumes || this.message.status.value !== "sending") this.abort.abort();
  }

  get wasStopped(): boolean {
    return this.stopped;
  }

  private async again(tries: number): Promise<boolean> {
    const turn = this.turn;
    if (turn === null) throw new Error(problems.unreachable);
    if (tries >= 0) await this.pause(PAUSES[Math.min(tries, PAUSES.length - 1)] ?? 1000);
    try {
      if (await this.pour(await turnEvents(turn, this.last, this.abort.signal), tries >= 0)) return true;
      return tries >= 1 && (await this.over(turn));
    } catch (error) {
      if (isAbort(error) || (error instanceof Refusal && error.status < 500 && error.status !== 429)) throw error;
      if (error instanceof Refusal && error.retryAfter) await this.pause(error.retryAfter * 1000);
      return false;
    }
  }

  // The log has no end, but the turn may have: its outcome is then what the store says.
  private async over(turn: string): Promise<boolean> {
    const state = await turnState(turn);
    if (state.status === "running") return false;
    this.message.ended(state.status === "completed" ? "" : sentence(state.error_code ?? "", words.failedTurn));
    return true;
  }

  private async pour(response: Response, fresh: boolean): Promise<boolean> {
    if (!(response.headers.get("content-type") ?? "").startsWith("text/event-stream") || !response.body) {
      for (const event of understood(parsed(await response.text()))) this.message.take(event, fresh);
      if (!this.message.answer.end) this.message.ended("");
      return true;
    }
    try {
      for await (const frame of frames(response.body)) {
        if (this.framed(frame.event, frame.id)) continue;
        for (const event of understood(parsed(frame.data))) {
          if (this.message.take(event, fresh)) return true;
        }
      }
    } catch (error) {
      if (isAbort(error) || this.abort.signal.aborted) throw new DOMException("stopped", "AbortError");
      return false; // the connection broke
    }
    // Where nothing is kept, an answer without a word of its end has ended with its connection.
    if (this.resumes || this.message.answer.empty) return false;
    this.message.ended("");
    return true;
  }

  // True when the frame is no event of the agent.
  private framed(name: string, id: string | null): boolean {
    if (name === "reset") {
      // The log no longer has what was read: it comes from its start.
      this.message.reset();
      this.last = null;
      return true;
    }
    if (name === "server_closing") return true;
    if (id !== null) this.last = id;
    this.heard += 1;
    return false;
  }

  private async pause(milliseconds: number): Promise<void> {
    const { signal } = this.abort;
    await new Promise<void>((done, stop) => {
      const wake = () => {
        clearTimeout(timer);
        removeEventListener("online", wake);
        signal.removeEventListener("abort", end);
        done();
      };
      const end = () => {
        clearTimeout(timer);
        removeEventListener("online", wake);
        stop(new DOMException("stopped", "AbortError"));
      };
      const timer = setTimeout(wake, milliseconds);
      addEventListener("online", wake);
      signal.addEventListener("abort", end, { once: true });
      if (signal.aborted) end();
    });
  }
}
