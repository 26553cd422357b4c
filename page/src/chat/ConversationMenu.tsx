// What can be done with a conversation: rename, export, delete.

import { useSignal } from "@preact/signals";
import { exportAddress } from "../api/conversations";
import type { Conversation } from "../api/wire";
import { Dialog } from "../parts/Dialog";
import { Icon } from "../parts/Icon";
import { Menu } from "../parts/Menu";
import { remove, rename } from "../state/list";
import { leave } from "../state/page";
import { problemOf } from "../state/problems";
import { list as words, shell } from "../strings";

const LONGEST = 120;

interface Props {
  conversation: Conversation;
  label: string;
  class?: string;
}

export function ConversationMenu({ conversation, label, ...rest }: Props) {
  const renaming = useSignal(false);
  const { session_id: session, conversation_name: name } = conversation;
  return (
    <>
      <Menu
        label={label}
        class={rest.class ?? ""}
        items={[
          { label: words.rename, icon: <Icon name="edit" />, act: () => (renaming.value = true) },
          { label: words.exportMarkdown, icon: <Icon name="export" />, href: exportAddress(session, "markdown"), download: true },
          { label: words.exportJson, icon: <Icon name="export" />, href: exportAddress(session, "json"), download: true },
          {
            label: words.delete,
            icon: <Icon name="trash" />,
            danger: true,
            act: () => {
              remove(session, name);
              leave(session);
            },
          },
        ]}
      >
        <Icon name="more" />
      </Menu>
      {renaming.value && <Rename session={session} name={name} onClose={() => (renaming.value = false)} />}
    </>
  );
}

function Rename({ session, name, onClose }: { session: string; name: string; onClose: () => void }) {
  const text = useSignal(name);
  const problem = useSignal("");
  const save = async (event: Event) => {
    event.preventDefault();
    const wanted = text.value.trim();
    if (!wanted) return;
    try {
      if (wanted !== name) await rename(session, wanted);
      onClose();
    } catch (error) {
      problem.value = problemOf(error).text("");
    }
  };
  return (
    <Dialog title={words.rename} onClose={onClose}>
      <form onSubmit={save}>
        <label>
          <span>{words.newName}</span>
          <input
            value={text.value}
            maxLength={LONGEST}
            required
            autocomplete="off"
            onInput={(event) => (text.value = event.currentTarget.value)}
            onFocus={(event) => event.currentTarget.select()}
          />
        </label>
        {problem.value && (
          <p class="problem" role="alert">
            {problem.value}
          </p>
        )}
        <div class="actions">
          <button type="button" class="plain" onClick={onClose}>
            {shell.cancel}
          </button>
          <button type="submit" class="primary">
            {words.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
