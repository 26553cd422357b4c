// The address is the state: what is open can be linked to, and back and forward work.

import { computed, signal } from "@preact/signals";

export type Place =
  | { view: "talk"; session: string | null }
  | { view: "console"; rest: string[] }
  | { view: "nowhere" };

const path = signal(location.pathname);
// What stands behind the question mark: the filters of a view.
export const search = signal(location.search);

export const place = computed<Place>(() => placeOf(path.value));

export function placeOf(pathname: string): Place {
  const [first, second, ...more] = pathname.split("/").filter(Boolean);
  if (first === undefined) return { view: "talk", session: null };
  if (first === "c" && second && !more.length && /^[A-Za-z0-9][A-Za-z0-9-]{32,99}$/.test(second)) {
    return { view: "talk", session: second };
  }
  if (first === "console") return { view: "console", rest: second ? [second, ...more] : [] };
  return { view: "nowhere" };
}

export function addressOf(session: string | null): string {
  return session ? `/c/${session}` : "/";
}

export function go(to: string, { replace = false } = {}): void {
  if (to !== location.pathname + location.search) {
    if (replace) history.replaceState(null, "", to);
    else history.pushState(null, "", to);
  }
  path.value = location.pathname;
  search.value = location.search;
}

addEventListener("popstate", () => {
  path.value = location.pathname;
  search.value = location.search;
});
