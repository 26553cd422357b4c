import { describe, expect, it } from "vitest";
import { stacked } from "../src/console/curves";
import { count, length, money, rate, seconds, share, short } from "../src/console/format";

describe("numbers of the console", () => {
  it("are said as people read them", () => {
    expect([0, 0.001, 0.25, 9.876, 10.4, 12345].map(rate)).toEqual(["0", "<0.01", "0.25", "9.88", "10", "12,345"]);
    expect([null, 0, 0.0004, 0.0125, 1.25, 150].map(seconds)).toEqual(["–", "0", "<1 ms", "13 ms", "1.3 s", "150 s"]);
    expect([0, 0.001, 1.5].map(money)).toEqual(["$0", "<$0.01", "$1.50"]);
    expect([12, 59_400, 61_000, 7_260_000].map(length)).toEqual(["12 ms", "59 s", "1 min 1 s", "2 h 1 min"]);
    expect(count(1234567)).toBe("1,234,567");
    expect([share(1, 3), share(5, 4), share(1, 0)]).toEqual([33, 100, 0]);
  });

  it("leave ids that can be told apart", () => {
    expect(short("0123456789abcdef0123456789abcdef")).toBe("01234567…cdef");
    expect(short("user-one")).toBe("user-one");
  });
});

describe("curves", () => {
  it("are piled up, the whole first, so that each lies on what contains it", () => {
    expect(stacked([[1, 2], [10, null], [100, 200]])).toEqual([[111, 202], [11, 2], [1, 2]]);
    expect(stacked([])).toEqual([]);
  });
});
