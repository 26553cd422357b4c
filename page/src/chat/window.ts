// Which rows of a long list are in sight. Pure; heights in pixels, as in list.css.

import type { Row } from "../state/days";

export const ENTRY = 38;
export const DAY = 34;
const SPARE = 400;

// Where each row ends.
export function heights(rows: readonly Row<unknown>[]): number[] {
  let sum = 0;
  return rows.map((row) => {
    sum += row.item === null ? DAY : ENTRY;
    return sum;
  });
}

// The first row in sight, and the one after the last.
export function inSight(ends: readonly number[], top: number, height: number): [number, number] {
  return [after(ends, top - SPARE), Math.min(ends.length, after(ends, top + height + SPARE) + 1)];
}

// The first row that ends after `at`.
function after(ends: readonly number[], at: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
