// Sentences for those who listen. Pure.

// Where the last whole sentence ends, 0 when there is none.
export function lastSentence(text: string): number {
  const ends = [...text.matchAll(/[.!?…](?=\s)|\n/g)];
  const last = ends.at(-1);
  return last ? last.index + 1 : 0;
}

// Markdown without its marks: nobody wants to hear asterisks.
export function plainWords(text: string): string {
  return text
    .replace(/```[^\n]*\n?/g, "")
    .replace(/[*_`#>|]+/g, "")
    .replace(/\s+/g, " ")
    .trim();
}
