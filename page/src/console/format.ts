// Numbers, times and lengths as people read them.

const TIME = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const DAY = new Intl.DateTimeFormat([], { day: "numeric", month: "short" });
const WHOLE = new Intl.NumberFormat("en");

export function rate(perSecond: number): string {
  if (perSecond === 0) return "0";
  if (perSecond < 0.01) return "<0.01";
  return perSecond < 10 ? perSecond.toFixed(2) : WHOLE.format(Math.round(perSecond));
}

export function seconds(value: number | null): string {
  if (value === null) return "–";
  if (value === 0) return "0";
  if (value < 0.001) return "<1 ms";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  return value < 100 ? `${value.toFixed(1)} s` : `${Math.round(value)} s`;
}

export function count(value: number): string {
  return WHOLE.format(value);
}

export function money(value: number): string {
  return value === 0 ? "$0" : value < 0.01 ? "<$0.01" : `$${value.toFixed(2)}`;
}

export function share(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.min(100, Math.round((100 * part) / whole));
}

export function clock(at: string | number): string {
  return TIME.format(dateOf(at));
}

// With the day when it is another one.
export function moment(at: string | number, now = new Date()): string {
  const date = dateOf(at);
  return date.toDateString() === now.toDateString() ? TIME.format(date) : `${DAY.format(date)}, ${TIME.format(date)}`;
}

export function length(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  const all = Math.round(milliseconds / 1000);
  if (all < 60) return `${all} s`;
  if (all < 3600) return `${Math.floor(all / 60)} min ${all % 60} s`;
  return `${Math.floor(all / 3600)} h ${Math.floor((all % 3600) / 60)} min`;
}

export function short(id: string): string {
  return id.length > 13 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id;
}

function dateOf(at: string | number): Date {
  return new Date(typeof at === "number" ? at * 1000 : at);
}
