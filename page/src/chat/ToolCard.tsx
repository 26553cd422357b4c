// One call of a tool: its name and time, and opened what it was given and what it answered.

import { Icon } from "../parts/Icon";
import { CopyButton } from "../parts/CopyButton";
import { shell, tool as words } from "../strings";
import type { ToolPart } from "./answer";
import { brief, pretty } from "./json";

export function ToolCard({ tool, ongoing }: { tool: ToolPart; ongoing: boolean }) {
  const running = tool.result === null && ongoing;
  const input = pretty(tool.input);
  const took = tool.begun !== null && tool.ended !== null ? words.took(tool.ended - tool.begun) : "";
  return (
    <details class={running ? "tool running" : "tool"}>
      <summary>
        <Icon name="chevron" />
        <Icon name="tool" />
        <span class="away">{words.label("")}</span>
        <code>{tool.name}</code>
        <span class="brief">{brief(tool.input)}</span>
        <span class="state">{running ? words.running : took || words.done}</span>
      </summary>
      <Block title={words.input} text={input || words.noInput} />
      <Block title={words.result} text={tool.result === null ? (running ? words.running : words.noResult) : pretty(tool.result)} />
    </details>
  );
}

function Block({ title, text }: { title: string; text: string }) {
  return (
    <section>
      <p class="head">
        <span>{title}</span>
        <CopyButton text={text} label={`${shell.copy}: ${title}`} />
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls needs the focus */}
      <pre tabIndex={0} role="group" aria-label={title}>{text}</pre>
    </section>
  );
}
