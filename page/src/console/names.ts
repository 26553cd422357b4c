// The names of users behind the keys and subjects that the ledger holds. Only the embedded sign-in knows them.

import { signal } from "@preact/signals";
import { json, query } from "../api/http";
import type { UserPage } from "./wire";

const PAGES = 5; // of a hundred: a ledger can be read without the names of the rest

export const names = signal<Map<string, string>>(new Map());
let asked = false;

export function nameOf(id: string): string {
  return names.value.get(id) ?? id;
}

export async function learnNames(again = false): Promise<void> {
  if (asked && !again) return;
  asked = true;
  const found = new Map<string, string>();
  try {
    let cursor: string | null = null;
    for (let page = 0; page < PAGES; page++) {
      const answer: UserPage = await json("GET", query("/api/operator/users", { limit: 100, cursor }));
      for (const user of answer.users) {
        found.set(user.actor_id, user.username);
        found.set(user.subject, user.username);
      }
      cursor = answer.next_cursor;
      if (cursor === null) break;
    }
  } catch {
    // An outside issuer keeps its users: keys are shown as they are.
  }
  names.value = found;
}
