// What a screen reader is told. Short sentences; an answer in whole sentences, a few seconds apart, and not by the word.

import { signal } from "@preact/signals";
import { lastSentence, plainWords } from "./sentences";

export interface Said {
  id: number;
  text: string;
}

const KEPT = 6;
let count = 0;

export const said = signal<Said[]>([]);

export function announce(text: string): void {
  count += 1;
  said.value = [...said.value.slice(1 - KEPT), { id: count, text }];
}

const EVERY = 4000; // milliseconds between two pieces of an answer
const LONGEST = 600; // characters of one piece

// Reads an answer out while it grows.
export class Reader {
  private read = 0;
  private last = 0;

  grown(text: string, now: number): void {
    if (now - this.last < EVERY) return;
    const rest = text.slice(this.read);
    const end = lastSentence(rest);
    if (end > 0) this.say(rest.slice(0, end), now);
  }

  ended(text: string, sentence: string): void {
    const rest = text.slice(this.read).trim();
    if (rest) this.say(rest, 0);
    announce(sentence);
  }

  private say(text: string, now: number): void {
    this.read += text.length;
    this.last = now;
    announce(plainWords(text).slice(0, LONGEST));
  }
}
