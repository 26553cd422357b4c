// What can be done with a conversation: rename, export, delete.

import { useSignal } from "@preact/signals";
import { exportAddress, exported, type Format } from "../api/conversations";
import type { Conversation } from "../api/wire";
import { Dialog } from "../parts/Dialog";
import { Icon } from "../parts/Icon";
import { Menu, type MenuItem } from "../parts/Menu";
import { remove, rename } from "../state/list";
import { leave } from "../state/page";
import { reasonOf } from "../state/problems";
import { toast } from "../state/toasts";
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
          exportItem(conversation, "markdown", words.exportMarkdown),
          exportItem(conversation, "json", words.exportJson),
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

function exportItem({ session_id: session }: Conversation, format: Format, label: string): MenuItem {
  const href = exportAddress(session, format);
  const icon = <Icon name="export" />;
  return href ? { label, icon, href, download: true } : { label, icon, act: () => void save(session, format) };
}

async function save(session: string, format: Format): Promise<void> {
  try {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await exported(session, format));
    link.download = `${session}.${format === "json" ? "json" : "md"}`;
    link.click();
    URL.revokeObjectURL(link.href);
  } catch (error) {
    toast(words.notExported(reasonOf(error)), { bad: true });
  }
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
      problem.value = reasonOf(error);
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
