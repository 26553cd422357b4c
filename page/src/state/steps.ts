// The steps of a stored answer: its turn's events, read when it is looked at.

import { turnEvents } from "../api/chat";
import { frames, parsed, understood } from "../api/sse";
import { Answer } from "../chat/answer";
import type { Message } from "./message";
import { sentence } from "./problems";

// Of a longer answer the events are read when somebody asks for them.
export const READ_BY_ITSELF = 20_000;
const AT_ONCE = 2;

let running = 0;
const waiting: (() => void)[] = [];

export async function readSteps(message: Message): Promise<void> {
  if (message.detailed.value || !message.turn) return;
  message.detailed.value = true;
  if (running >= AT_ONCE) await new Promise<void>((go) => waiting.push(go));
  running += 1;
  try {
    const answer = await replayed(message.turn);
    // The log may be gone while the answer is kept.
    if (!answer.end) return;
    if (answer.end.kind === "error") message.note.value = sentence(answer.end.code, answer.end.message);
    if (answer.text === message.answer.text || message.status.value !== "complete") message.answer = answer;
    else message.answer.usage = answer.usage;
    message.draw();
  } catch {
    message.detailed.value = false; // the text is there; the steps can be asked for again
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

async function replayed(turn: string): Promise<Answer> {
  const answer = new Answer();
  const response = await turnEvents(turn, null);
  if (!response.body) return answer;
  for await (const frame of frames(response.body)) {
    if (frame.event !== "message") continue;
    for (const event of understood(parsed(frame.data))) answer.take(event, null);
    if (answer.end) break;
  }
  return answer;
}
