// The field to write in, with what stands in the way of sending and when it will not any more.

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { Icon } from "../parts/Icon";
import { left } from "../state/problems";
import { config } from "../state/session";
import type { Talk } from "../state/talk";
import { composer as words, problems } from "../strings";
import { focusComposer } from "./focus";

const TALLEST = 240; // pixels
const WARN = 500; // characters before the longest message

export function Composer({ talk, onSend }: { talk: Talk; onSend: () => void }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const text = talk.draft.value;
  const most = config().max_message_characters;
  const over = text.length - most;
  useEffect(() => {
    // On a small screen the keyboard would cover what one came to read.
    if (matchMedia("(min-width: 48rem)").matches) focusComposer();
  }, []);
  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight + 2, TALLEST)}px`;
  }, [text]);
  const ready = text.trim() !== "" && over <= 0 && talk.maySend;
  const send = () => {
    if (!ready) return;
    void talk.send();
    onSend();
    field.current?.focus();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <ProblemLine talk={talk} />
      <div class="field">
        <label class="away" for="message">
          {words.label}
        </label>
        <textarea
          id="message"
          ref={field}
          rows={1}
          placeholder={words.placeholder}
          aria-describedby="hint"
          aria-invalid={over > 0}
          value={text}
          onInput={(event) => talk.typed(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            send();
          }}
        />
        {talk.busy.value && (
          <button
            type="button"
            class="round stop"
            aria-label={words.stop}
            title={words.stop}
            disabled={talk.stopping.value}
            onClick={() => void talk.stop()}
          >
            <Icon name="stop" />
          </button>
        )}
        {(!talk.busy.value || talk.maySend) && (
          <button type="submit" class="round send" aria-label={words.send} title={words.send} disabled={!ready}>
            <Icon name="send" />
          </button>
        )}
      </div>
      <p id="hint" class={over > 0 ? "hint bad" : "hint"}>
        {over > 0 ? words.tooLong(over) : talk.hint || (over > -WARN ? words.left(-over) : words.hint)}
      </p>
    </form>
  );
}

// What went wrong, with the time that is left where there is one.
function ProblemLine({ talk }: { talk: Talk }) {
  const now = useSignal(Date.now());
  const problem = talk.problem.value;
  const until = problem?.until ?? null;
  useEffect(() => {
    if (until === null) return undefined;
    const tick = () => {
      now.value = Date.now();
      if (now.value >= until) clearInterval(timer);
    };
    const timer = setInterval(tick, 1000);
    tick();
    return () => clearInterval(timer);
  }, [until]);
  const open = until !== null && now.value >= until;
  const heard = useMemo(
    () => (open ? problems.limitedOver : (problem?.text(until === null ? "" : left(until, Date.now())) ?? "")),
    [problem, open],
  );
  if (!problem) return null;
  return (
    <div class="problem">
      <Icon name={open ? "check" : "alert"} />
      {/* The time ticks for the eye only: a reader hears the sentence once. */}
      <span role="alert" class="away">
        {heard}
      </span>
      <span aria-hidden="true" data-testid="problem">
        {open ? problems.limitedOver : problem.text(until === null ? "" : left(until, now.value))}
      </span>
    </div>
  );
}
