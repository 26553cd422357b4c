// Small pieces of the console: a panel, a badge, a problem, a question before something is done.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Dialog } from "../parts/Dialog";
import { Icon } from "../parts/Icon";
import { reasonOf } from "../state/problems";
import { shell } from "../strings";
import { frame } from "../strings-console";

export type Tone = "good" | "bad" | "warn" | "plain";

export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

export function verdictTone(verdict: string): Tone {
  return verdict === "deny" ? "bad" : verdict === "ask" ? "warn" : "good";
}

export function Trouble({ text, retry }: { text: string; retry?: () => void }) {
  if (!text) return null;
  return (
    <p class="notice" role="alert">
      <Icon name="alert" />
      <span>{text}</span>
      {retry && (
        <button type="button" class="link" onClick={retry}>
          {frame.again}
        </button>
      )}
    </p>
  );
}

export function Waiting() {
  return (
    <p class="waiting" role="status">
      {frame.loading}
    </p>
  );
}

interface Question {
  title: string;
  text: string;
  label: string;
  danger?: boolean;
  act: () => Promise<void>;
  onClose: () => void;
}

// Asks, does, and stays open with the reason when it could not be done.
export function Sure({ title, text, label, danger, act, onClose }: Question) {
  const busy = useSignal(false);
  const problem = useSignal("");
  const go = async () => {
    busy.value = true;
    try {
      await act();
      onClose();
    } catch (error) {
      problem.value = reasonOf(error);
      busy.value = false;
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <Trouble text={problem.value} />
      <div class="actions">
        <button type="button" class="plain" onClick={onClose}>
          {shell.cancel}
        </button>
        <button type="button" class={danger ? "primary danger" : "primary"} disabled={busy.value} onClick={() => void go()}>
          {label}
        </button>
      </div>
    </Dialog>
  );
}
