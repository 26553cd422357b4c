// What is typed and not yet sent, kept on this device for each user and conversation, until it is sent or they sign out.
// A draft has a key: when it is not known whether a message arrived, sending the same text again is the same message.

import { freshKey } from "../api/chat";

const PREFIX = "doorward.draft.";
const MOST = 40;

export interface Draft {
  text: string;
  key: string;
  at: number;
  sent?: boolean; // it was on its way
}

function place(actor: string, session: string | null): string {
  return `${PREFIX}${actor}.${session ?? "new"}`;
}

export function readDraft(actor: string, session: string | null): Draft | null {
  return stored(place(actor, session));
}

export function keepDraft(actor: string, session: string | null, text: string, sent = false): Draft | null {
  const name = place(actor, session);
  if (!text.trim()) {
    quietly(() => localStorage.removeItem(name));
    return null;
  }
  const before = stored(name);
  const key = before && before.text === text ? before.key : freshKey();
  const draft: Draft = { text, key, at: Date.now(), ...(sent ? { sent } : {}) };
  quietly(() => localStorage.setItem(name, JSON.stringify(draft)));
  if (!before) tidy();
  return draft;
}

export function dropDraft(actor: string, session: string | null): void {
  quietly(() => localStorage.removeItem(place(actor, session)));
}

export function forgetDrafts(actor: string): void {
  for (const name of names().filter((one) => one.startsWith(`${PREFIX}${actor}.`))) {
    quietly(() => localStorage.removeItem(name));
  }
}

function stored(name: string): Draft | null {
  try {
    const value = JSON.parse(localStorage.getItem(name) ?? "null") as Draft | null;
    return value && typeof value.text === "string" && typeof value.key === "string" ? value : null;
  } catch {
    return null;
  }
}

function names(): string[] {
  return Array.from({ length: localStorage.length }, (_, index) => localStorage.key(index) ?? "").filter((name) =>
    name.startsWith(PREFIX),
  );
}

// The oldest go, so that the device is not filled.
function tidy(): void {
  const all = names().map((name) => ({ name, at: stored(name)?.at ?? 0 }));
  for (const { name } of all.sort((one, other) => other.at - one.at).slice(MOST)) {
    quietly(() => localStorage.removeItem(name));
  }
}

// Storage may be full or switched off; the text is then only on the screen.
function quietly(work: () => void): void {
  try {
    work();
  } catch (error) {
    console.warn("draft not kept", error);
  }
}
