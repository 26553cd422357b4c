// Markdown as elements. INVARIANT (AP-TOL-11, LLM05): text only ever becomes text. There is no HTML on the way that would
// have to be cleaned: of a token only its kind is used, from the closed list below, and an address only after `target`.

import { memo } from "preact/compat";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import type { Token, Tokens } from "marked";
import { markdown } from "../strings";
import { GrowingText, SOURCE } from "./blocks";
import { CodeBlock } from "./CodeBlock";
import { decoded, plain, saysWhere, target } from "./links";

export function Markdown({ text }: { text: string }) {
  const growing = useRef<GrowingText | null>(null);
  growing.current ??= new GrowingText();
  return (
    <div class="markdown">
      {growing.current.blocks(text).map((token, index) => (
        <Block key={index} token={token} raw={token.raw} />
      ))}
    </div>
  );
}

// A block whose source has not changed is not rendered again.
const Block = memo(
  ({ token }: { token: Token; raw: string }) => block(token),
  (before, after) => before.raw === after.raw,
);

function block(token: Token): ComponentChildren {
  switch (token.type) {
    case "heading":
      return heading(token as Tokens.Heading);
    case "paragraph":
      return <p>{inline((token as Tokens.Paragraph).tokens)}</p>;
    case "code":
      return <CodeBlock code={(token as Tokens.Code).text} language={(token as Tokens.Code).lang ?? ""} />;
    case "list":
      return list(token as Tokens.List);
    case "blockquote":
      return <blockquote>{blocks((token as Tokens.Blockquote).tokens)}</blockquote>;
    case "table":
      return table(token as Tokens.Table);
    case "hr":
      return <hr />;
    case "space":
    case "def":
      return null;
    case "text": {
      const { tokens, text } = token as Tokens.Text;
      return tokens ? inline(tokens) : decoded(text);
    }
    case SOURCE:
      return <p class="source">{token.raw}</p>;
    default: // HTML, and whatever else there may be: its source
      return <p>{token.raw.trim()}</p>;
  }
}

function blocks(tokens: Token[]): ComponentChildren {
  return tokens.map((token, index) => <Block key={index} token={token} raw={token.raw} />);
}

function heading(token: Tokens.Heading): ComponentChildren {
  const content = inline(token.tokens);
  // Below the heading of the conversation.
  if (token.depth <= 1) return <h3 class="first">{content}</h3>;
  if (token.depth === 2) return <h3>{content}</h3>;
  return token.depth === 3 ? <h4>{content}</h4> : <h5>{content}</h5>;
}

function list(token: Tokens.List): ComponentChildren {
  const items = token.items.map((item, index) => (
    <li key={index} class={item.task ? "task" : undefined}>
      {item.task && (
        <span class="box" role="img" aria-label={item.checked ? markdown.done : markdown.open}>
          {item.checked ? "☑" : "☐"}
        </span>
      )}
      {blocks(item.tokens.filter((inner) => inner.type !== "checkbox"))}
    </li>
  ));
  return token.ordered ? <ol start={Number(token.start) || 1}>{items}</ol> : <ul>{items}</ul>;
}

function table(token: Tokens.Table): ComponentChildren {
  const cell = (one: Tokens.TableCell) => (one.align ? `to-${one.align}` : undefined);
  return (
    // Wide tables scroll, and what scrolls can be reached by the keyboard.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls needs the focus
    <section class="table" aria-label={markdown.table} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {token.header.map((one, index) => (
              <th key={index} scope="col" class={cell(one)}>
                {inline(one.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, line) => (
            <tr key={line}>
              {row.map((one, index) => (
                <td key={index} class={cell(one)}>
                  {inline(one.tokens)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function inline(tokens: Token[] | undefined): ComponentChildren {
  return (tokens ?? []).map((token, index) => <Inline key={index} token={token} />);
}

function Inline({ token }: { token: Token }) {
  switch (token.type) {
    case "text": {
      const { tokens, text } = token as Tokens.Text;
      return <>{tokens ? inline(tokens) : decoded(text)}</>;
    }
    case "escape":
      return <>{(token as Tokens.Escape).text}</>;
    case "strong":
      return <strong>{inline((token as Tokens.Strong).tokens)}</strong>;
    case "em":
      return <em>{inline((token as Tokens.Em).tokens)}</em>;
    case "del":
      return <del>{inline((token as Tokens.Del).tokens)}</del>;
    case "codespan":
      return <code>{(token as Tokens.Codespan).text}</code>;
    case "br":
      return <br />;
    case "link":
      return link((token as Tokens.Link).href, (token as Tokens.Link).text, inline((token as Tokens.Link).tokens), token.raw);
    case "image": {
      // An image would be fetched while it is only looked at: a beacon. A link is followed by choice.
      const { href, text } = token as Tokens.Image;
      return link(href, "", markdown.image(plain(decoded(text))), token.raw);
    }
    case "html":
      return /^<br\s*\/?>$/i.test(token.raw) ? <br /> : token.raw;
    default:
      return <>{token.raw}</>;
  }
}

function link(href: string, text: string, content: ComponentChildren, raw: string): ComponentChildren {
  const to = target(href);
  if (to === null) return raw;
  return (
    <a href={to.href} target="_blank" rel="noopener noreferrer nofollow" title={to.href}>
      <bdi>{content}</bdi>
      {!saysWhere(text, to) && <span class="where"> {markdown.goesTo(to.where)}</span>}
    </a>
  );
}
