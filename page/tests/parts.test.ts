import { describe, expect, it } from "vitest";
import { Refusal } from "../src/api/http";
import { split, understood } from "../src/api/sse";
import { Answer } from "../src/chat/answer";
import { brief, pretty } from "../src/chat/json";
import { DAY, ENTRY, heights, inSight } from "../src/chat/window";
import { byDay, dayOf } from "../src/state/days";
import { reasonOf } from "../src/state/problems";
import { lastSentence, plainWords } from "../src/state/sentences";

describe("why something did not happen", () => {
  it("says how long to wait, and nothing of a message", () => {
    expect(reasonOf(new Refusal(429, "user_limited", "Too many.", 30), 0)).toBe(
      "That was a lot in a short time. Try again in 30 seconds.",
    );
    expect(reasonOf(new Refusal(409, "own_account", "Not your own."))).toBe("Not your own.");
  });
});

describe("events", () => {
  it("come whole, whatever the cut", () => {
    const text = ': hello\n\nid: 1\ndata: {"a":1}\n\nevent: reset\ndata: {}\n\nid: 2\nda';
    const { frames, rest } = split(text);
    expect(frames).toEqual([
      { id: "1", event: "message", data: '{"a":1}' },
      { id: null, event: "reset", data: "{}" },
    ]);
    expect(rest).toBe("id: 2\nda");
  });

  it("of any agent are understood", () => {
    expect(understood("hi")).toEqual([{ type: "TEXT_MESSAGE_CONTENT", delta: "hi" }]);
    expect(understood({ result: "hi" })).toEqual([{ type: "TEXT_MESSAGE_CONTENT", delta: "hi" }]);
    expect(understood({ error: "no", error_type: "X" })).toEqual([{ type: "RUN_ERROR", message: "no" }]);
    expect(understood({ events: [{ type: "RUN_FINISHED" }] })).toEqual([{ type: "RUN_FINISHED" }]);
    expect(understood(null)).toEqual([{ type: "TEXT_MESSAGE_CONTENT", delta: "null" }]);
  });
});

describe("an answer", () => {
  it("is texts and tools in their order", () => {
    const answer = new Answer();
    const events = [
      { type: "RUN_STARTED" },
      { type: "TOOL_CALL_START", toolCallId: "t", toolCallName: "clock" },
      { type: "TOOL_CALL_ARGS", toolCallId: "t", delta: '{"zone":' },
      { type: "TOOL_CALL_ARGS", toolCallId: "t", delta: '"UTC"}' },
      { type: "TOOL_CALL_END", toolCallId: "t" },
    ];
    for (const event of events) answer.take(event, 1000);
    answer.take({ type: "TOOL_CALL_RESULT", toolCallId: "t", content: "12:00" }, 1250);
    answer.take({ type: "TEXT_MESSAGE_START", messageId: "m" }, null);
    answer.take({ type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "It is " }, null);
    answer.take({ type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta: "noon." }, null);
    answer.take({ type: "CUSTOM", name: "usage", value: { model: "x", inputTokens: 3, outputTokens: 4 } }, null);
    expect(answer.end).toBeNull();
    answer.take({ type: "RUN_FINISHED" }, null);
    expect(answer.parts).toEqual([
      { kind: "tool", id: "t", name: "clock", input: '{"zone":"UTC"}', result: "12:00", begun: 1000, ended: 1250 },
      { kind: "text", id: "m", text: "It is noon." },
    ]);
    expect(answer.text).toBe("It is noon.");
    expect(answer.usage).toEqual({ model: "x", input: 3, output: 4 });
    expect(answer.end).toEqual({ kind: "finished" });
  });

  it("takes the time of an event before its own clock", () => {
    const answer = new Answer();
    answer.take({ type: "TOOL_CALL_START", toolCallId: "t", toolCallName: "c", timestamp: 5 }, 1000);
    answer.take({ type: "TOOL_CALL_RESULT", toolCallId: "t", content: "", timestamp: 9 }, null);
    expect(answer.parts[0]).toMatchObject({ begun: 5, ended: 9 });
  });

  it("is not upset by nonsense", () => {
    const answer = new Answer();
    answer.take({ type: "TOOL_CALL_RESULT", toolCallId: "unknown", content: "x" }, 1);
    answer.take({ type: "TOOL_CALL_START", toolCallId: 7, toolCallName: { a: 1 } }, 1);
    answer.take({ type: "CUSTOM", name: "usage", value: { inputTokens: "many" } }, 1);
    answer.take({ type: "SOMETHING_NEW" }, 1);
    expect(answer.parts[0]).toMatchObject({ id: "7", name: '{"a":1}' });
    expect(answer.usage?.input).toBe(0);
  });
});

describe("days", () => {
  const now = new Date(2026, 2, 12, 9, 0);
  it.each([
    [new Date(2026, 2, 12, 0, 1), "Today"],
    [new Date(2026, 2, 12, 23, 59), "Today"],
    [new Date(2026, 2, 11, 23, 59), "Yesterday"],
    [new Date(2026, 2, 8, 12), "Sunday"],
    [new Date(2026, 2, 5, 12), "5 March"],
    [new Date(2025, 11, 31, 12), "31 December 2025"],
  ])("%s is %s", (at, name) => expect(dayOf(at, now, "en-GB")).toBe(name));

  it("begin with a row of their own", () => {
    const times = [new Date(2026, 2, 12), new Date(2026, 2, 11, 8), new Date(2026, 2, 11, 7)].map((one) => one.toISOString());
    const rows = byDay(times, (one) => one, now, "en-GB");
    expect(rows.map((row) => row.item ?? row.day)).toEqual(["Today", times[0], "Yesterday", times[1], times[2]]);
  });
});

it("only the rows in sight are drawn, of 10,000", () => {
  const times = Array.from({ length: 10_000 }, () => new Date(2026, 2, 12).toISOString());
  const ends = heights(byDay(times, (one) => one, new Date(2026, 2, 12)));
  expect(ends.at(-1)).toBe(DAY + 10_000 * ENTRY);
  expect(inSight(ends, 0, 800)[0]).toBe(0);
  const [first, last] = inSight(ends, 100_000, 800);
  expect(last - first).toBeLessThan(50);
  expect((ends[first] ?? 0) <= 100_000 && (ends[last - 1] ?? 0) >= 100_800).toBe(true);
  expect(inSight([], 0, 800)).toEqual([0, 0]);
});

it("a reader hears sentences without the marks of Markdown", () => {
  expect(lastSentence("One. Two is not")).toBe(4);
  expect(lastSentence("3.14 is")).toBe(0);
  expect(plainWords("**Bold** and `code`\n```js\nx\n```")).toBe("Bold and code x");
});

it("JSON is shown with line breaks, and anything else as it is", () => {
  expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(pretty("{broken")).toBe("{broken");
  expect(brief('{"place":"Paris","days":3}')).toBe("Paris, 3");
  expect(brief("plain")).toBe("");
});
