// Markdown that grows: what has become final is read once, and only the last block is read again with each piece.

import { Lexer, type Token } from "marked";

const OPTIONS = { gfm: true, breaks: true } as const;
export const SOURCE = "source";
const DEEPEST = 50; // blocks and marks in each other
const LONGEST = 2000; // characters of a word that may be an address: looking for them takes the square of its length
// Marks of quotes and lists one after the other at the start of a line: each is read by a call inside the one before.
const NESTED = /^(?:[ \t]*(?:>|[-*+][ \t]|\d{1,9}[.)][ \t])){50}/m;

export class GrowingText {
  private text = "";
  private settled: Token[] = [];
  private settledLength = 0;
  private open: Token[] = [];

  // The blocks of `text`. A text that goes on from the one before costs what is new; any other is read from its start.
  blocks(text: string): readonly Token[] {
    const clean = text.replace(/\r\n?/g, "\n");
    if (!clean.startsWith(this.text)) this.forget();
    if (clean !== this.text || !this.text) {
      this.text = clean;
      this.read();
    }
    return [...this.settled, ...this.open];
  }

  private forget(): void {
    this.settled = [];
    this.settledLength = 0;
    this.open = [];
  }

  private read(): void {
    this.open = tokens(this.text.slice(this.settledLength));
    // The last block, and the blank lines after it, may still change: a paragraph grows, a list goes on.
    let keep = this.open.length - 1;
    while (keep > 0 && this.open[keep]?.type === "space") keep -= 1;
    const final = this.open.slice(0, Math.max(keep, 0));
    const length = final.reduce((sum, token) => sum + token.raw.length, 0);
    if (!this.text.startsWith(final.map((token) => token.raw).join(""), this.settledLength)) return;
    this.settled.push(...final);
    this.settledLength += length;
    this.open = this.open.slice(final.length);
  }
}

// AP-TOL-11: what would take the reader too long, or be nested too deeply to be drawn, is shown as it was written.
export function tokens(text: string): Token[] {
  if (NESTED.test(text) || text.split(/\s/).some((word) => word.length > LONGEST && word.includes("@"))) return [source(text)];
  return new Lexer(OPTIONS).lex(text).map((token) => (depth(token) > DEEPEST ? source(token.raw) : token));
}

function source(raw: string): Token {
  return { type: SOURCE, raw, text: raw };
}

function depth(token: Token): number {
  const inner: Token[] = [...("tokens" in token ? (token.tokens ?? []) : []), ...("items" in token ? (token.items ?? []) : [])];
  return 1 + inner.reduce((most, one) => Math.max(most, depth(one)), 0);
}
