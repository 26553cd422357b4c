// Short messages at the rim of the page.

import { useEffect } from "preact/hooks";
import { dismiss, type Toast, toasts } from "../state/toasts";
import { shell } from "../strings";
import { Icon } from "./Icon";

const SHOWN = 6000; // milliseconds, for one without an action: that is taken away by who made it

export function Toasts() {
  return (
    <section class="toasts" aria-label={shell.notices}>
      {toasts.value.map((one) => (
        <One key={one.id} toast={one} />
      ))}
    </section>
  );
}

function One({ toast }: { toast: Toast }) {
  useEffect(() => {
    if (toast.action) return undefined;
    const timer = setTimeout(() => dismiss(toast.id), SHOWN);
    return () => clearTimeout(timer);
  }, [toast.id]);
  return (
    <div class={toast.bad ? "toast bad" : "toast"} role={toast.bad ? "alert" : undefined}>
      <span>{toast.text}</span>
      {toast.action && (
        <button type="button" class="link" onClick={toast.action.act}>
          {toast.action.label}
        </button>
      )}
      <button type="button" class="quiet small" aria-label={shell.dismiss} onClick={() => dismiss(toast.id)}>
        <Icon name="close" />
      </button>
    </div>
  );
}
