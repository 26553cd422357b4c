// The conversations of the user: read by pages, searched, renamed, and deleted after a time in which it can be undone.

import { computed, signal } from "@preact/signals";
import { conversationPage, deleteConversation, renameConversation } from "../api/conversations";
import { isAbort, Refusal } from "../api/http";
import type { Conversation } from "../api/wire";
import { list as words } from "../strings";
import { announce } from "./live";
import { reasonOf } from "./problems";
import { tell } from "./tabs";
import { dismiss, toast } from "./toasts";

const UNDO = 7000; // milliseconds
const LATE = 3000; // milliseconds by which a tab behind another may be late with it
const PAUSE = 180; // of typing, before a search
const FAMILIAR = 10_000; // how long a list counts as fresh when the window is looked at again

export const all = signal<readonly Conversation[]>([]);
export const more = signal(false);
export const state = signal<"empty" | "loading" | "ready" | "failed">("empty");
export const search = signal("");
const gone = signal<ReadonlySet<string>>(new Set());
export const shown = computed(() => all.value.filter((one) => !gone.value.has(one.session_id)));

let cursor: string | null = null;
let asking: AbortController | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
let readAt = 0;
const goneElsewhere = new Map<string, number>(); // when it was heard
const deleting = new Map<string, { timer: ReturnType<typeof setTimeout>; toast: number; name: string }>();

export function find(words: string): void {
  search.value = words;
  clearTimeout(timer);
  timer = setTimeout(() => void read(true), words ? PAUSE : 0);
}

// The newest page anew; what else was read stays.
export function refresh(): Promise<void> {
  return read(false);
}

export async function refreshIfOld(): Promise<void> {
  if (Date.now() - readAt > FAMILIAR) await refresh();
}

export async function readMore(): Promise<void> {
  if (asking || cursor === null || state.value === "failed") return;
  await ask(cursor, (page) => {
    const known = new Set(all.value.map((one) => one.session_id));
    all.value = [...all.value, ...page.filter((one) => !known.has(one.session_id))];
  });
}

async function read(anew: boolean): Promise<void> {
  asking?.abort();
  asking = null;
  if (anew || state.value !== "ready") state.value = "loading";
  const before = cursor;
  await ask(null, (page) => {
    const first = new Set(page.map((one) => one.session_id));
    const oldest = page.at(-1)?.updated_at ?? "";
    // What is older than this page was read before and is still in its order.
    const rest = anew ? [] : all.value.filter((one) => !first.has(one.session_id) && one.updated_at <= oldest);
    all.value = [...page, ...rest];
    if (rest.length && !search.value) cursor = before;
  });
}

async function ask(from: string | null, take: (page: Conversation[]) => void): Promise<void> {
  const mine = new AbortController();
  asking = mine;
  try {
    const page = await conversationPage({ cursor: from, words: search.value.trim() || null, signal: mine.signal });
    cursor = page.next_cursor;
    take(page.conversations);
    more.value = cursor !== null;
    state.value = "ready";
    if (from === null) readAt = Date.now();
    if (from === null && search.value.trim()) announce(words.found(page.conversations.length, more.value));
  } catch (error) {
    if (isAbort(error)) return;
    state.value = all.value.length && !search.value ? "ready" : "failed";
  } finally {
    if (asking === mine) asking = null;
  }
}

export async function rename(session: string, name: string): Promise<void> {
  const changed = await renameConversation(session, name);
  all.value = all.value.map((one) => (one.session_id === session ? { ...one, conversation_name: changed.conversation_name } : one));
  tell({ kind: "list" });
}

// It is off the list at once, and off the server when nobody wanted it back.
export function remove(session: string, name: string): void {
  hide(session, true);
  tell({ kind: "gone", session });
  const shownToast = toast(words.deleted(name), { action: { label: words.undo, act: () => restore(session, name) } });
  announce(words.deleted(name));
  deleting.set(session, { name, toast: shownToast, timer: setTimeout(() => void erase(session, name), UNDO) });
}

function restore(session: string, name: string): void {
  const found = deleting.get(session);
  if (!found) return;
  clearTimeout(found.timer);
  deleting.delete(session);
  dismiss(found.toast);
  hide(session, false);
  tell({ kind: "back", session });
  announce(words.restored(name));
}

async function erase(session: string, name: string): Promise<void> {
  const found = deleting.get(session);
  deleting.delete(session);
  if (found) dismiss(found.toast);
  try {
    await deleteConversation(session);
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return;
    hide(session, false);
    tell({ kind: "back", session });
    toast(words.notDeleted(name, reasonOf(error)), { bad: true });
  }
}

// Deletes now what could still be undone, here or in another tab: after signing out nobody may.
export async function finishDeleting(): Promise<void> {
  const mine = [...deleting].map(([session, { timer: pending, name }]) => {
    clearTimeout(pending);
    return erase(session, name);
  });
  const theirs = [...goneElsewhere].filter(([, at]) => Date.now() - at < UNDO + LATE);
  const name = (session: string) => all.value.find((one) => one.session_id === session)?.conversation_name ?? session;
  await Promise.all([...mine, ...theirs.map(([session]) => erase(session, name(session)))]);
}

// Another tab deletes a conversation, or wants it back.
export function heardOf(session: string, isGone: boolean): void {
  if (isGone) goneElsewhere.set(session, Date.now());
  else goneElsewhere.delete(session);
  hide(session, isGone);
}

// Hides a conversation, or shows it again. Another tab may have asked for it.
export function hide(session: string, yes: boolean): void {
  const next = new Set(gone.value);
  if (yes) next.add(session);
  else next.delete(session);
  gone.value = next;
}

// Whoever leaves the page has not asked for it back.
addEventListener("pagehide", () => {
  for (const [session, { timer: pending }] of deleting) {
    clearTimeout(pending);
    void deleteConversation(session, true).catch(() => {});
  }
  deleting.clear();
});
