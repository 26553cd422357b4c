// Errors as sentences that say what to do. Pure but for the clock of `Problem.until`.

import { Refusal, Unreachable } from "../api/http";
import { problems } from "../strings";

// `text` may need the time that is left until `until` (milliseconds since 1970).
export interface Problem {
  code: string;
  text: (left: string) => string;
  until: number | null;
}

export const OFFLINE = "offline";

const fixed: Record<string, string> = {
  too_many_turns: problems.tooManyTurns,
  too_many_waiting: problems.tooManyTurns,
  turn_active: problems.turnActive,
  turn_queue_full: problems.queueFull,
  turn_queue_timeout: problems.queueTimeout,
  turn_superseded: problems.superseded,
  turn_cancelled: problems.cancelled,
  turn_interrupted: problems.interrupted,
  server_closing: problems.serverClosing,
  agent_unreachable: problems.agentDown,
  agent_unavailable: problems.agentDown,
  agent_failed: problems.agentFailed,
  agent_timeout: problems.agentTimeout,
  turn_timeout: problems.agentTimeout,
  body_too_large: problems.tooLarge,
};
const LIMITS = new Set(["user_limited", "address_limited", "rate_limited", "too_many_streams"]);

export function problemOf(error: unknown, now = Date.now()): Problem {
  if (error instanceof Unreachable) {
    return navigator.onLine ? simple("unreachable", problems.unreachable) : simple(OFFLINE, problems.notSent);
  }
  if (!(error instanceof Refusal)) return simple("page", error instanceof Error ? error.message : String(error));
  const until = error.retryAfter === null ? null : now + error.retryAfter * 1000;
  if (error.code === "budget_exhausted") return { code: error.code, text: problems.budget, until };
  if (LIMITS.has(error.code) || (error.status === 429 && !fixed[error.code])) {
    return { code: error.code, text: problems.limited, until: until ?? now + 1000 };
  }
  return simple(error.code, sentence(error.code, error.message));
}

// Why something else than sending a message did not happen, as one sentence.
export function reasonOf(error: unknown, now = Date.now()): string {
  if (error instanceof Unreachable) return navigator.onLine ? problems.noAnswer : problems.noConnection;
  const { code, until, text } = problemOf(error, now);
  const when = until === null ? "" : left(until, now);
  return until === null || code === "budget_exhausted" ? text(when) : problems.tooOften(when);
}

// The same, where problems of a conversation are shown.
export function besides(error: unknown): Problem {
  const offline = error instanceof Unreachable && !navigator.onLine;
  return simple(offline ? OFFLINE : "besides", reasonOf(error));
}

// The sentence for the code of a turn or of an answer; what the server said when there is none here.
export function sentence(code: string, detail: string): string {
  return fixed[code] ?? detail;
}

function simple(code: string, text: string): Problem {
  return { code, text: () => text, until: null };
}

// How long from `now` until `until`, in words.
export function left(until: number, now: number): string {
  const seconds = Math.ceil((until - now) / 1000);
  if (seconds <= 0) return problems.now;
  if (seconds < 120) return problems.inSeconds(seconds);
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return problems.inMinutes(minutes);
  const clock = new Date(until).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return problems.atClock(problems.inHours(Math.floor(minutes / 60), minutes % 60), clock);
}
