// The list itself. Only the rows in sight are in the document, so that 10,000 conversations scroll like ten.

import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type Row, byDay } from "../state/days";
import type { Conversation } from "../api/wire";
import { Link } from "../parts/Link";
import { drawer, talk } from "../state/page";
import { more, readMore, shown } from "../state/list";
import { addressOf } from "../state/router";
import { list as words, shell } from "../strings";
import { ConversationMenu } from "./ConversationMenu";
import { heights, inSight } from "./window";

const AHEAD = 600; // pixels before the end at which more is read

export function ConversationList() {
  const box = useRef<HTMLElement>(null);
  const top = useSignal(0);
  const height = useSignal(800);
  const rows = useComputed(() => byDay(shown.value, (one) => one.updated_at, new Date()));
  const offsets = useComputed(() => heights(rows.value));
  const total = offsets.value.at(-1) ?? 0;
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const sizes = new ResizeObserver(() => (height.value = element.clientHeight));
    sizes.observe(element);
    return () => sizes.disconnect();
  }, []);
  useEffect(() => {
    if (more.value && total - (top.value + height.value) < AHEAD) void readMore();
  }, [more.value, total, top.value, height.value]);
  const [first, last] = inSight(offsets.value, top.value, height.value);
  const conversations = shown.value.length;
  const current = talk.value?.session.value ?? null;
  return (
    <nav
      ref={box}
      class="rows"
      aria-label={shell.conversations}
      onScroll={(event) => (top.value = event.currentTarget.scrollTop)}
      onKeyDown={arrows}
    >
      {/* biome-ignore lint/a11y/noRedundantRoles: without bullets some readers do not take it for a list */}
      <ul role="list" style={{ height: `${total}px` }}>
        {rows.value.slice(first, last).map((row, index) => (
          <Entry
            key={row.item ? row.item.session_id : `day ${first + index}`}
            row={row}
            at={offsets.value[first + index - 1] ?? 0}
            of={more.value ? -1 : conversations}
            current={current}
          />
        ))}
      </ul>
    </nav>
  );
}

function Entry({ row, at, of, current }: { row: Row<Conversation>; at: number; of: number; current: string | null }) {
  const style = { transform: `translateY(${at}px)` };
  if (row.item === null) {
    return (
      <li class="day" style={style}>
        <h2>{row.day}</h2>
      </li>
    );
  }
  const { session_id: session, conversation_name: name } = row.item;
  return (
    <li class={session === current ? "entry current" : "entry"} style={style} aria-setsize={of}>
      <Link to={addressOf(session)} current={session === current} onFollow={() => (drawer.value = false)}>
        {name}
      </Link>
      <ConversationMenu conversation={row.item} label={words.options(name)} class="quiet small" />
    </li>
  );
}

// Up and down go from conversation to conversation.
function arrows(event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const box = event.currentTarget as HTMLElement;
  if (!step || (document.activeElement as HTMLElement | null)?.closest("[role=menu]")) return;
  const links = [...box.querySelectorAll<HTMLAnchorElement>("a")].filter((one) => !one.closest("[role=menu]"));
  links.sort((one, other) => one.getBoundingClientRect().top - other.getBoundingClientRect().top);
  const next = links[links.indexOf(document.activeElement as HTMLAnchorElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
