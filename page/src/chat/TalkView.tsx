// One conversation: its messages, which follow the answer as it grows, and the field to write in.

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../parts/Icon";
import { Link } from "../parts/Link";
import type { Talk } from "../state/talk";
import { config, hasHistory } from "../state/session";
import { list, notes, shell, talk as words } from "../strings";
import { Composer } from "./Composer";
import { MessageView } from "./MessageView";

const NEAR = 80; // pixels from the end within which the newest words are followed

export function TalkView({ talk }: { talk: Talk }) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useSignal(true);
  useEnd(box, talk, follows.value);
  const fromEnd = usePlace(box, talk);
  const messages = talk.messages.value;
  const toEnd = () => {
    follows.value = true;
    box.current?.scrollTo({ top: box.current.scrollHeight });
  };
  const readEarlier = async () => {
    await talk.readEarlier();
    box.current?.focus({ preventScroll: true }); // the button it was on has gone
  };
  const scrolled = () => {
    const element = box.current;
    if (!element) return;
    fromEnd.current = element.scrollHeight - element.scrollTop;
    follows.value = fromEnd.current - element.clientHeight < NEAR;
  };
  return (
    <main class={messages.length || talk.reading.value !== "ready" ? "talk" : "talk fresh"}>
      <div ref={box} class="messages-box" tabIndex={-1} onScroll={scrolled}>
        <Notes />
        {talk.earlier.value && (
          <button type="button" class="plain earlier" onClick={() => void readEarlier()}>
            {words.earlier}
          </button>
        )}
        {talk.reading.value !== "ready" ? (
          <Absent talk={talk} />
        ) : messages.length === 0 ? (
          <Greeting talk={talk} />
        ) : (
          // biome-ignore lint/a11y/noRedundantRoles: without bullets some readers do not take it for a list
          <ol class="messages" role="list" aria-label={words.messages}>
            {messages.map((message, index) => (
              <MessageView key={message.id} message={message} talk={talk} last={index === messages.length - 1} />
            ))}
          </ol>
        )}
      </div>
      {!follows.value && messages.length > 0 && (
        <button type="button" class="to-latest" aria-label={words.toLatest} title={words.toLatest} onClick={toEnd}>
          <Icon name="down" />
        </button>
      )}
      <Composer talk={talk} onSend={toEnd} />
    </main>
  );
}

// When older messages come in above, what was read stays where it was. The place is counted from the end, in pixels.
function usePlace(box: { current: HTMLDivElement | null }, talk: Talk): { current: number } {
  const fromEnd = useRef(0);
  const first = talk.messages.value[0];
  const before = useRef(first);
  useLayoutEffect(() => {
    const element = box.current;
    const added = before.current && first && before.current !== first && talk.messages.value.includes(before.current);
    before.current = first;
    if (element && added) element.scrollTop = element.scrollHeight - fromEnd.current;
  }, [first]);
  return fromEnd;
}

// Keeps the end in sight while the answer grows, until somebody scrolls up.
function useEnd(box: { current: HTMLDivElement | null }, talk: Talk, follows: boolean): void {
  const following = useRef(follows);
  following.current = follows;
  const count = talk.messages.value.length;
  useLayoutEffect(() => {
    const element = box.current;
    if (element && following.current) element.scrollTop = element.scrollHeight;
  }, [count, talk.reading.value]);
  useEffect(() => {
    const element = box.current;
    const inner = element?.querySelector(".messages");
    if (!element || !inner) return undefined;
    const sizes = new ResizeObserver(() => {
      if (following.current) element.scrollTop = element.scrollHeight;
    });
    sizes.observe(inner);
    sizes.observe(element);
    return () => sizes.disconnect();
  }, [count > 0, talk.reading.value]);
}

function Notes() {
  const { pattern, direct } = config();
  if (direct) {
    return (
      <p class="note warn" role="note">
        <Icon name="alert" />
        <span>{notes.direct}</span>
      </p>
    );
  }
  if (!hasHistory.value) {
    return (
      <p class="note" role="note">
        <span>{notes.noHistory(pattern)}</span>
      </p>
    );
  }
  return null;
}

function Absent({ talk }: { talk: Talk }) {
  if (talk.reading.value === "loading") return <div class="quiet-space" role="status" aria-label={shell.loading} />;
  if (talk.reading.value === "missing") {
    return (
      <div class="greeting">
        <h2>{words.notFound}</h2>
        <p>{words.notFoundText}</p>
        <Link to="/" class="button primary">
          {shell.newConversation}
        </Link>
      </div>
    );
  }
  return (
    <div class="greeting" role="alert">
      <h2>{words.failed}</h2>
      <button type="button" class="primary" onClick={() => void talk.load()}>
        {list.tryAgain}
      </button>
    </div>
  );
}

function Greeting({ talk }: { talk: Talk }) {
  return (
    <div class="greeting">
      <h2>{words.greeting}</h2>
      <p>{words.greetingText}</p>
      {config().rehearsal && (
        <>
          <p class="small-print" role="note">
            {notes.rehearsalLong}
          </p>
          <div class="suggestions">
            {words.suggestions.map((one) => (
              <button key={one} type="button" class="plain" onClick={() => void talk.send(one)}>
                {one}
              </button>
            ))}
          </div>
        </>
      )}
    </div>
  );
}
