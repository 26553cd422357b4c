// Above the conversation: its name, what can be done with it, which model answers; and the person, where there is no list.

import { useEffect } from "preact/hooks";
import { Icon, Mark } from "../parts/Icon";
import { all } from "../state/list";
import { drawer, talk } from "../state/page";
import { config, hasHistory } from "../state/session";
import { list, notes, product, shell, talk as words } from "../strings";
import { Account } from "./Account";
import { ConversationMenu } from "./ConversationMenu";

export function TopBar() {
  const session = talk.value?.session.value ?? null;
  const found = all.value.find((one) => one.session_id === session);
  const name = found?.conversation_name ?? (hasHistory.value ? words.untitled : product);
  const { rehearsal, model, pattern } = config();
  useEffect(() => {
    document.title = found ? `${name} · ${product}` : product;
    return () => {
      document.title = product;
    };
  }, [found, name]);
  return (
    <header class="top">
      {hasHistory.value ? (
        <button
          type="button"
          class="quiet menu-button"
          aria-label={shell.openList}
          aria-expanded={drawer.value}
          onClick={() => {
            drawer.value = true;
          }}
        >
          <Icon name="menu" />
        </button>
      ) : (
        <Mark />
      )}
      <h1 id="title">{name}</h1>
      {pattern !== "conversations" && <span class="tag">{shell.pattern(pattern)}</span>}
      <span class={rehearsal ? "tag rehearsal" : "tag"} title={rehearsal ? notes.rehearsalLong : undefined}>
        {rehearsal ? notes.rehearsal : words.model(model)}
      </span>
      {found && (
        <ConversationMenu conversation={found} label={list.options(found.conversation_name)} class="quiet" />
      )}
      {!hasHistory.value && <Account compact />}
    </header>
  );
}

