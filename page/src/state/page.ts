// What belongs together: the address, the conversation on the screen, the list, and the other tabs.

import { effect, signal, untracked } from "@preact/signals";
import { finishDeleting, heardOf, hide, refresh as refreshList, refreshIfOld } from "./list";
import { addressOf, go, place } from "./router";
import { expired, hasHistory, lookAgain, me, phase, signOut } from "./session";
import { listen, tell } from "./tabs";
import { Talk } from "./talk";

const NAMED_LATER = [1500, 6000]; // milliseconds until a model may have named a new conversation

export const talk = signal<Talk | null>(null);
export const drawer = signal(false);
export const online = signal(navigator.onLine);

const around = {
  named(session: string): void {
    go(addressOf(session), { replace: true });
    for (const wait of NAMED_LATER) setTimeout(() => void refreshList(), wait);
  },
  changed(session: string): void {
    void refreshList();
    tell({ kind: "turn", session });
  },
};

export function open(): void {
  effect(() => {
    const where = place.value;
    if (phase.value !== "in" || where.view !== "talk") return;
    untracked(() => show(where.session));
  });
  listen((news) => {
    if (news.kind === "turn") {
      void refreshList();
      if (talk.value?.session.value === news.session) void talk.value.refresh();
    } else if (news.kind === "list") void refreshList();
    else if (news.kind === "gone") {
      heardOf(news.session, true);
      leave(news.session);
    } else if (news.kind === "back") heardOf(news.session, false);
    else if (news.kind === "signed-out") location.assign("/");
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void look();
  });
  addEventListener("online", () => {
    online.value = true;
    talk.value?.online();
    void look();
  });
  addEventListener("offline", () => {
    online.value = false;
  });
  if (hasHistory.value && me.value) void refreshList();
}

async function look(): Promise<void> {
  if (phase.value !== "in" || !hasHistory.value) return;
  await lookAgain();
  if (expired.value) return;
  await Promise.all([refreshIfOld(), talk.value?.refresh()]);
}

function show(session: string | null): void {
  const before = talk.value;
  if (before && before.session.value === session) return;
  before?.close();
  drawer.value = false;
  talk.value = new Talk(session, around);
  void talk.value.load();
}

// A new conversation, also when one is on the screen that has no address yet.
export function begin(): void {
  const now = talk.value;
  if (!now || now.session.value !== null || now.messages.value.length) {
    now?.close();
    talk.value = new Talk(null, around);
  }
  drawer.value = false;
  go("/");
}

// The way out. What was deleted stays deleted.
export async function depart(everywhere: boolean): Promise<void> {
  await finishDeleting();
  await signOut(everywhere);
}

// A conversation was deleted: it leaves the list and the screen.
export function leave(session: string): void {
  hide(session, true);
  if (talk.value?.session.value === session) {
    talk.value.close();
    talk.value = new Talk(null, around);
    go("/");
  }
}
