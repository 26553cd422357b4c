// The conversations, with the way to begin one and to find one.

import { useEffect, useRef } from "preact/hooks";
import { Icon, Mark } from "../parts/Icon";
import { find, refresh, search, shown, state } from "../state/list";
import { begin, drawer } from "../state/page";
import { list as words, product, shell } from "../strings";
import { Account } from "./Account";
import { ConversationList } from "./ConversationList";

export function Sidebar() {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.metaKey || event.ctrlKey) || event.shiftKey || event.altKey) return;
      event.preventDefault();
      drawer.value = true;
      field.current?.focus();
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, []);
  const empty = state.value === "ready" && shown.value.length === 0;
  return (
    <aside class={drawer.value ? "side open" : "side"} aria-label={shell.conversations}>
      <div class="side-head">
        <Mark />
        <span class="brand">{product}</span>
        <button type="button" class="quiet menu-button" aria-label={shell.closeList} onClick={() => (drawer.value = false)}>
          <Icon name="close" />
        </button>
      </div>
      <button type="button" class="new" onClick={begin}>
        <Icon name="plus" />
        <span>{shell.newConversation}</span>
      </button>
      <search class="search">
        <Icon name="search" />
        <input
          ref={field}
          type="search"
          aria-label={words.search}
          placeholder={words.search}
          maxLength={200}
          value={search.value}
          onInput={(event) => find(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Escape" && search.value) {
              event.stopPropagation();
              find("");
            }
          }}
        />
      </search>
      {state.value === "failed" && (
        <p class="side-note" role="alert">
          {words.failed}{" "}
          <button type="button" class="link" onClick={() => void refresh()}>
            {words.tryAgain}
          </button>
        </p>
      )}
      {empty && <p class="side-note">{search.value ? words.nothingFound(search.value) : words.none}</p>}
      <ConversationList />
      <Account />
    </aside>
  );
}
