// Groups by day, newest first. Pure.

import { list } from "../strings";

const DAY = 86_400_000;

// The name of the day that `at` is on, seen from `now`: today, yesterday, a weekday, a date. In the user's time zone.
export function dayOf(at: Date, now: Date, locale?: string): string {
  const days = Math.round((midnight(now) - midnight(at)) / DAY);
  if (days <= 0) return list.today;
  if (days === 1) return list.yesterday;
  if (days < 7) return at.toLocaleDateString(locale, { weekday: "long" });
  const year = at.getFullYear() === now.getFullYear() ? {} : ({ year: "numeric" } as const);
  return at.toLocaleDateString(locale, { day: "numeric", month: "long", ...year });
}

function midnight(date: Date): number {
  return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
}

export type Row<T> = { day: string; item: null } | { day: string; item: T };

// `items` are in order; each day begins with a row of its own.
export function byDay<T>(items: readonly T[], when: (item: T) => string, now: Date, locale?: string): Row<T>[] {
  const rows: Row<T>[] = [];
  let last = Number.NaN;
  let day = "";
  for (const item of items) {
    const at = new Date(when(item));
    const begins = midnight(at);
    // A day is named once: names of dates are slow, and there may be thousands of items.
    if (begins !== last) {
      day = dayOf(at, now, locale);
      rows.push({ day, item: null });
    }
    rows.push({ day, item });
    last = begins;
  }
  return rows;
}
