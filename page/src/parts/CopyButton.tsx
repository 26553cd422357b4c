// Copies a text, and says so for a moment.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { shell } from "../strings";
import { announce } from "../state/live";
import { Icon } from "./Icon";

const SHOWN = 1600; // milliseconds

export function CopyButton({ text, label }: { text: string; label: string }) {
  const copied = useSignal(false);
  useEffect(() => {
    if (!copied.value) return undefined;
    const timer = setTimeout(() => {
      copied.value = false;
    }, SHOWN);
    return () => clearTimeout(timer);
  }, [copied.value]);
  const copy = async () => {
    await toClipboard(text);
    copied.value = true;
    announce(shell.copied);
  };
  return (
    <button type="button" class="quiet small" aria-label={label} title={label} onClick={copy}>
      <Icon name={copied.value ? "check" : "copy"} />
      {copied.value && <span class="said">{shell.copied}</span>}
    </button>
  );
}

// `navigator.clipboard` is for secure contexts only; a house on plain http in a home network has none.
async function toClipboard(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "away";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  return undefined;
}
