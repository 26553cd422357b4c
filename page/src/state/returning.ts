// Where somebody was when they went to sign in, kept in this tab. Only for a page that signs in by itself: its issuer sends
// back to `/`. The server's own sign-in is told where to go.

import { go } from "./router";

const KEPT = "doorward.place";

export function keepPlace(): void {
  try {
    sessionStorage.setItem(KEPT, location.pathname + location.search);
  } catch (error) {
    console.warn("place not kept", error);
  }
}

// Once, and only from where the sign-in ended: an address that was opened meanwhile is what is wanted now.
export function comeBack(signedIn: boolean): void {
  const place = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  if (signedIn && place && location.pathname === "/" && /^\/(?!\/)/.test(place)) go(place, { replace: true });
}
