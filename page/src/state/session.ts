// Who is signed in. No token is here, but in the pattern `direct`.

import { computed, signal } from "@preact/signals";
import { bearer, beginSignIn, finishSignIn, nameInToken, signOutDirect } from "../api/direct";
import { json, query, Refusal, useApi, useCsrf, watchSession } from "../api/http";
import type { Me, PageConfig } from "../api/wire";
import { forgetDrafts } from "./drafts";
import { comeBack, keepPlace } from "./returning";
import { tell } from "./tabs";

export type Phase = "starting" | "out" | "in" | "broken";

export const phase = signal<Phase>("starting");
export const failure = signal<unknown>(null);
export const expired = signal(false);
export const me = signal<Me | null>(null);
const loaded = signal<PageConfig | null>(null);

export const hasHistory = computed(() => loaded.value?.pattern === "conversations");
export const isOperator = computed(() => Boolean(loaded.value?.console && me.value?.roles.includes("operator")));

// The configuration. Nothing is shown before it is there.
export function config(): PageConfig {
  if (loaded.value === null) throw new Error("the page is not started");
  return loaded.value;
}

export async function start(): Promise<void> {
  try {
    const asked = whoAmI().catch((error: unknown) => ({ error }));
    const settings = await json<PageConfig>("GET", "/page-config.json");
    loaded.value = settings;
    if (settings.direct) me.value = await directUser(settings);
    else if (settings.sign_in) me.value = await staticUser(settings);
    else me.value = told(await asked);
    phase.value = me.value ? "in" : "out";
    if (settings.direct ?? settings.sign_in) comeBack(phase.value === "in");
  } catch (error) {
    failure.value = error;
    phase.value = loaded.value ? "out" : "broken";
  }
  watchSession(ended, renew);
}

function told(user: Me | null | { error: unknown }): Me | null {
  if (user !== null && "error" in user) throw user.error;
  return user;
}

// A page that is served as files: it signs in by itself, and calls the API at another origin.
async function staticUser(settings: PageConfig): Promise<Me | null> {
  if (settings.sign_in) await finishSignIn(settings.sign_in);
  useApi(settings.api ?? "", bearer);
  return bearer() === null ? null : whoAmI();
}

// Nobody is signed in with 401, and in the pattern `direct` there is no such route.
async function whoAmI(): Promise<Me | null> {
  try {
    const user = await json<Me>("GET", "/api/me");
    useCsrf(user.csrf_token);
    return user;
  } catch (error) {
    if (error instanceof Refusal && (error.status === 401 || error.status === 404)) return null;
    throw error;
  }
}

async function directUser(settings: PageConfig): Promise<Me | null> {
  if (settings.direct) await finishSignIn(settings.direct);
  const username = nameInToken();
  return username === null ? null : { username, roles: [], actor_id: "direct", csrf_token: null };
}

async function renew(): Promise<void> {
  const user = await whoAmI();
  if (user === null) return ended();
  // Another person: nothing of what is on the screen is theirs.
  if (me.value && user.actor_id !== me.value.actor_id) return location.reload();
  me.value = user;
  expired.value = false;
  return undefined;
}

// Looks whether somebody is signed in again, in another tab.
export async function lookAgain(): Promise<void> {
  if (expired.value) await renew().catch(() => {});
}

function ended(): void {
  if (phase.value === "in") expired.value = true;
}

export async function signIn(): Promise<void> {
  const settings = config();
  const itself = settings.direct ?? settings.sign_in;
  if (itself) {
    keepPlace();
    return beginSignIn(itself);
  }
  return location.assign(query("/session/sign-in", { return_to: location.pathname + plainSearch() }));
}

// What the server takes back: filters come along; controls and slashes in them are none of ours.
function plainSearch(): string {
  const plain = /^\?(?:[\w~.*=&+-]|%(?![01]|2f|5c|7f)[\da-f]{2})*$/i;
  return plain.test(location.search) ? location.search : "";
}

export async function signOut(everywhere = false): Promise<void> {
  const settings = config();
  const actor = me.value?.actor_id ?? "";
  const itself = settings.direct ?? settings.sign_in;
  if (itself) {
    forgetDrafts(actor);
    return signOutDirect(itself);
  }
  const path = everywhere ? "/session/sign-out-everywhere" : "/session/sign-out";
  const { redirect_to } = await json<{ redirect_to: string }>("POST", path);
  forgetDrafts(actor); // not before: who could not leave keeps what was typed
  tell({ kind: "signed-out" });
  return location.assign(redirect_to);
}
