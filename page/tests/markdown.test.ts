import { describe, expect, it } from "vitest";
import { GrowingText, tokens } from "../src/markdown/blocks";
import { decoded, plain, saysWhere, target } from "../src/markdown/links";

const TEXT = `# Title

A paragraph with **strong**, *em*, \`code\` and a [link](https://example.org/a).
Another line.

- one
- two

  still two
- three

1. first
2. second

| a | b |
|---|--:|
| 1 | 2 |

\`\`\`python
def f():

    return "a"
\`\`\`

> quoted
> more

<script>alert(1)</script>

The end\r\nof it.
`;

const shape = (list: readonly { type: string; raw: string }[]) => list.map((one) => [one.type, one.raw]);

describe("a text that no reader could follow (AP-TOL-11)", () => {
  it.each([
    ["quotes in quotes", ">".repeat(20_000)],
    ["lists in lists", "- ".repeat(3000)],
    ["lists in lists by indentation", Array.from({ length: 200 }, (_, depth) => `${" ".repeat(depth * 2)}- x`).join("\n")],
    ["a word that might be an address", `${"a".repeat(100_000)}@`],
  ])("is its source: %s", (_, text) => {
    const begun = performance.now();
    expect(tokens(text).map((one) => [one.type, one.raw.trimEnd()])).toEqual([["source", text.trimEnd()]]);
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  it.each(["> > > quoted", "- a\n  - b\n    - c", "-".repeat(80), "| a |\n|---|\n| b |", "a@example.org", "a".repeat(5000)])(
    "is not what people write: %#",
    (text) => expect(tokens(text).some((one) => one.type === "source")).toBe(false),
  );
});

describe("a text that grows", () => {
  it("has at its end the blocks of the whole, however it was cut", () => {
    for (const step of [1, 2, 3, 7, 50]) {
      const growing = new GrowingText();
      for (let end = step; end < TEXT.length; end += step) growing.blocks(TEXT.slice(0, end));
      expect(shape(growing.blocks(TEXT))).toEqual(shape(tokens(TEXT.replace(/\r\n/g, "\n"))));
    }
  });

  it("loses no character on the way", () => {
    const growing = new GrowingText();
    for (let end = 1; end <= TEXT.length; end += 1) {
      const raw = growing
        .blocks(TEXT.slice(0, end))
        .map((one) => one.raw)
        .join("");
      expect(raw.replace(/\s+/g, " ").trim()).toBe(TEXT.slice(0, end).replace(/\s+/g, " ").trim());
    }
  });

  it("shows an open code fence as code", () => {
    const [block] = new GrowingText().blocks("```js\nlet a = 1;");
    expect(block).toMatchObject({ type: "code", lang: "js", text: "let a = 1;" });
  });

  it("begins anew when the text is another", () => {
    const growing = new GrowingText();
    growing.blocks("# One\n\nTwo\n\nThree");
    expect(shape(growing.blocks("Four"))).toEqual([["paragraph", "Four"]]);
  });
});

describe("links (AP-TOL-11)", () => {
  it.each([
    "javascript:alert(1)",
    " JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>1</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://a/b",
    "//evil.test/x",
    "/api/me",
    "https://good.test@evil.test/",
    "",
  ])("%s leads nowhere", (href) => expect(target(href)).toBeNull());

  it("says where it goes, with the name that the network uses", () => {
    expect(target("https://example.org/a?b")).toEqual({ href: "https://example.org/a?b", where: "example.org" });
    expect(target("https://аpple.com/")?.where).toBe("xn--pple-43d.com");
    expect(target("mailto:a@example.org")?.where).toBe("a@example.org");
  });

  it("knows a text that says it already", () => {
    const to = target("https://example.org/a");
    expect(to && saysWhere("https://example.org/a", to)).toBe(true);
    expect(to && saysWhere("example.org", to)).toBe(true);
    expect(to && saysWhere("https://bank.test", to)).toBe(false);
    expect(to && saysWhere("click", to)).toBe(false);
  });

  it("takes out what turns the direction of writing", () => {
    expect(plain("a\u202egnp.exe\u200b")).toBe("agnp.exe");
  });
});

it("reads character references, and nothing else", () => {
  expect(decoded("&lt;b&gt; &amp;amp; &#65;&#x42; &unknown; &#0; &#99999999;")).toBe("<b> &amp; AB &unknown; &#0; &#99999999;");
});
