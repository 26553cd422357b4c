// The conversation on the screen: its messages, what is being answered, and what is typed.

import { computed, signal } from "@preact/signals";
import { freshKey, send as sendMessage, sessionId } from "../api/chat";
import { messagePage } from "../api/conversations";
import { isAbort, Refusal, Unreachable } from "../api/http";
import type { StoredMessage } from "../api/wire";
import { composer, talk as words } from "../strings";
import { dropDraft, keepDraft, readDraft } from "./drafts";
import { Following } from "./following";
import { Message } from "./message";
import { besides, OFFLINE, type Problem, problemOf, reasonOf } from "./problems";
import { config, hasHistory, me } from "./session";

export type Reading = "ready" | "loading" | "missing" | "failed";

// What a conversation tells the page around it.
export interface Around {
  named: (session: string) => void; // it has got its id
  changed: (session: string) => void; // a turn began or ended
}

export class Talk {
  readonly session = signal<string | null>(null);
  readonly messages = signal<readonly Message[]>([]);
  readonly reading = signal<Reading>("ready");
  readonly earlier = signal<string | null>(null);
  readonly draft = signal("");
  readonly problem = signal<Problem | null>(null);
  readonly busy = computed(() => this.messages.value.some((one) => one.role === "assistant" && one.ongoing));
  readonly stopping = signal(false);
  private followings: Following[] = [];
  private closed = false;

  constructor(
    session: string | null,
    private readonly around: Around,
  ) {
    this.session.value = session;
    const kept = readDraft(this.actor, session);
    if (kept) this.draft.value = kept.text;
    if (session && hasHistory.value) this.reading.value = "loading";
  }

  private get actor(): string {
    return me.value?.actor_id ?? "";
  }

  // --- reading ---------------------------------------------------------------------------------------------------

  async load(): Promise<void> {
    const session = this.session.value;
    if (!session || !hasHistory.value) return;
    try {
      const page = await messagePage(session, null);
      if (this.closed) return;
      this.merge(page.messages, page.previous_cursor);
      this.reading.value = "ready";
      this.forgetSent(page.messages);
      if (!this.followings.length) void this.resume();
    } catch (error) {
      if (this.closed || this.messages.value.length) return;
      this.reading.value = error instanceof Refusal && error.status === 404 ? "missing" : "failed";
    }
  }

  // What is on the screen already stays as it is, with its steps; so does what is being sent and answered meanwhile.
  private merge(stored: readonly StoredMessage[], earlier: string | null): void {
    const before = this.messages.value;
    const known = new Map(before.map((one) => [`${one.role} ${one.turn}`, one]));
    const going = this.followings.flatMap((one) => before.slice(before.indexOf(one.message) - 1, before.indexOf(one.message) + 1));
    const turns = new Set(going.map((one) => one.turn));
    const page = stored
      .filter((one) => !turns.has(one.turn_id))
      .map((one) => {
        const same = known.get(`${one.role} ${one.turn_id}`);
        return same?.text === one.content ? same : Message.stored(one);
      });
    const first = page[0];
    const joint = first ? before.findIndex((one) => one.role === first.role && one.turn === first.turn) : -1;
    this.messages.value = [...(joint > 0 ? before.slice(0, joint) : []), ...page, ...going];
    if (joint <= 0) this.earlier.value = earlier;
  }

  // Another tab or device may have gone on. What is being answered here is followed anyway.
  async refresh(): Promise<void> {
    if (!this.busy.value && this.reading.value === "ready" && !this.closed) await this.load();
  }

  async readEarlier(): Promise<void> {
    const session = this.session.value;
    const cursor = this.earlier.value;
    if (!session || !cursor) return;
    this.earlier.value = null;
    try {
      const page = await messagePage(session, cursor);
      this.messages.value = [...page.messages.map(Message.stored), ...this.messages.value];
      this.earlier.value = page.previous_cursor;
    } catch (error) {
      this.earlier.value = cursor;
      this.problem.value = besides(error);
    }
  }

  // A message without an answer: its turn runs, or has ended badly. Its log says which.
  private async resume(): Promise<void> {
    const last = this.messages.value.at(-1);
    if (last?.role !== "user" || !last.turn) return;
    const answer = Message.growing("running");
    answer.turn = last.turn;
    this.messages.value = [...this.messages.value, answer];
    const following = new Following(answer, true, last.turn);
    await this.follow(following, () => following.fromStart());
  }

  // --- sending ---------------------------------------------------------------------------------------------------

  typed(text: string): void {
    this.draft.value = text;
    if (this.problem.value && this.problem.value.until === null) this.problem.value = null;
    keepDraft(this.actor, this.session.value, text);
  }

  async send(text = this.draft.value): Promise<void> {
    if (!text.trim() || text.length > config().max_message_characters) return;
    const fromDraft = text === this.draft.value;
    const key = (fromDraft && keepDraft(this.actor, this.session.value, text, true)?.key) || freshKey();
    const user = new Message("user", text);
    const answer = Message.growing(this.busy.value ? "waiting" : "sending");
    user.status.value = answer.status.value;
    this.problem.value = null;
    this.messages.value = [...this.messages.value, user, answer];
    if (fromDraft) this.draft.value = "";
    const following = new Following(answer, hasHistory.value);
    try {
      await this.follow(following, () => this.begin(following, user, { key, fromDraft }));
    } catch (error) {
      this.unsent(user, answer, error);
    }
  }

  private async begin(
    following: Following,
    user: Message,
    { key, fromDraft }: { key: string; fromDraft: boolean },
  ): Promise<void> {
    if (config().direct) this.session.value ??= sessionId();
    const was = this.session.value;
    const { signal: stop } = following.abort;
    const response = await sendMessage(config(), { message: user.content, session: was, key, signal: stop });
    if (fromDraft) dropDraft(this.actor, was);
    if (this.closed) return following.abort.abort();
    user.status.value = "complete";
    this.isTurn(following, user, response.headers.get("x-turn-id"));
    following.message.status.value = "running";
    this.known(response.headers.get("x-session-id") ?? was ?? (await sessionInBody(response)));
    if (this.draft.value) this.typed(this.draft.value); // what was typed meanwhile
    if (following.wasStopped) await following.stop();
    return following.through(response);
  }

  private isTurn(following: Following, user: Message, turn: string | null): void {
    following.turn = user.turn = following.message.turn = turn;
    // It may have been read from the store before its answer came.
    const twice = (one: Message) => turn && one.turn === turn && one !== user && one !== following.message;
    this.messages.value = this.messages.value.filter((one) => !twice(one));
  }

  private known(session: string | null): void {
    const before = this.session.value;
    this.session.value = session;
    if (!session || this.closed || !hasHistory.value) return;
    if (before === null) this.around.named(session);
    this.around.changed(session);
  }

  // Runs `work`, which fills the answer. Throws only when the message was not taken.
  private async follow(following: Following, work: () => Promise<void>): Promise<void> {
    this.followings.push(following);
    const { message } = following;
    try {
      await work();
    } catch (error) {
      if (isAbort(error)) {
        if (message.status.value === "waiting" && !this.closed) throw error;
        if (following.wasStopped) message.ended(words.stopped);
        return;
      }
      if (message.turn === null && message.status.value !== "running") throw error;
      message.ended(reasonOf(error));
    } finally {
      this.followings = this.followings.filter((one) => one !== following);
      this.stopping.value = false;
      if (this.session.value && hasHistory.value && !this.closed) this.around.changed(this.session.value);
    }
  }

  // The message was refused, or did not arrive: it goes back to where it was written. INVARIANT: nothing typed is lost.
  private unsent(user: Message, answer: Message, error: unknown): void {
    this.messages.value = this.messages.value.filter((one) => one !== user && one !== answer);
    const meanwhile = this.draft.value;
    // With the same text the key stays: the message may have arrived. A refusal has left the key free.
    const text = meanwhile.trim() ? `${user.content}\n\n${meanwhile}` : user.content;
    this.draft.value = text;
    keepDraft(this.actor, this.session.value, text, error instanceof Unreachable);
    // That the session is over, the page says itself.
    const told = isAbort(error) || (error instanceof Refusal && error.status === 401);
    this.problem.value = told ? null : problemOf(error);
  }

  // A draft that was on its way when the page went, and did arrive.
  private forgetSent(stored: readonly StoredMessage[]): void {
    const kept = readDraft(this.actor, this.session.value);
    const last = stored.findLast((one) => one.role === "user");
    if (!kept?.sent || kept.text !== last?.content || Date.parse(last.timestamp) < kept.at - 60_000) return;
    dropDraft(this.actor, this.session.value);
    if (this.draft.value === kept.text) this.draft.value = "";
  }

  async stop(): Promise<void> {
    this.stopping.value = true;
    try {
      await Promise.all(this.followings.map((one) => one.stop()));
    } catch (error) {
      this.problem.value = besides(error);
    } finally {
      this.stopping.value = false;
    }
  }

  // The question of an answer is asked again, as a new message.
  async retry(answer: Message): Promise<void> {
    const at = this.messages.value.indexOf(answer);
    const question = this.messages.value.slice(0, at).findLast((one) => one.role === "user");
    if (question) await this.send(question.content);
  }

  edit(message: Message): void {
    const before = this.draft.value;
    this.typed(before.trim() && before !== message.content ? `${message.content}\n\n${before}` : message.content);
  }

  // The connection is back: what was said about it no longer holds.
  online(): void {
    if (this.problem.value?.code === OFFLINE) this.problem.value = null;
  }

  // What may be sent now, and why not.
  get hint(): string {
    if (!this.busy.value) return "";
    if (!hasHistory.value || config().on_busy === "reject") return composer.busyReject;
    return config().on_busy === "enqueue" ? composer.busyEnqueue : composer.busyInterrupt;
  }

  get maySend(): boolean {
    return !this.busy.value || (hasHistory.value && config().on_busy !== "reject");
  }

  // It is no longer on the screen. Turns go on, and are there when one comes back.
  close(): void {
    this.closed = true;
    for (const one of this.followings) if (one.turn) one.abort.abort();
  }
}

// The patterns with one endpoint may name the session in the body.
async function sessionInBody(response: Response): Promise<string | null> {
  if (!(response.headers.get("content-type") ?? "").startsWith("application/json")) return null;
  const value = (await response.clone().json()) as Record<string, unknown> | null;
  return typeof value?.session_id === "string" ? value.session_id : null;
}
