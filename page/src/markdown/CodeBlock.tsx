// A block of code, with its language and a button that copies it.

import { code } from "../strings";
import { CopyButton } from "../parts/CopyButton";

export function CodeBlock({ code: source, language }: { code: string; language: string }) {
  const name = /^[\w+#.-]{1,20}/.exec(language)?.[0] ?? "";
  return (
    <figure class="code">
      <figcaption>
        <span>{name || "text"}</span>
        <CopyButton text={source} label={code.copy} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls needs the focus */}
      <pre tabIndex={0} role="group" aria-label={code.label(name)}>
        <code>{source}</code>
      </pre>
    </figure>
  );
}
