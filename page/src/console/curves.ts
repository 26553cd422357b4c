// Values over time. Pure.

export type Line = (number | null)[];

// Sums from the first line to each, the highest first: drawn in this order, each lies on top of what contains it.
export function stacked(lines: Line[]): Line[] {
  const sums: number[] = [];
  const piled = lines.map((line) =>
    line.map((value, place) => {
      const sum = (sums[place] ?? 0) + (value ?? 0);
      sums[place] = sum;
      return sum;
    }),
  );
  return piled.reverse();
}
