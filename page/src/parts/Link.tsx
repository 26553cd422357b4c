// A link inside the page: the address changes without a load, and everything else that links can do still works.

import type { ComponentChildren } from "preact";
import { go } from "../state/router";

interface Props {
  to: string;
  class?: string;
  current?: boolean;
  label?: string;
  onFollow?: () => void;
  children: ComponentChildren;
}

export function Link({ to, current, label, onFollow, children, ...rest }: Props) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
    onFollow?.();
  };
  return (
    <a href={to} class={rest.class} aria-current={current ? "page" : undefined} aria-label={label} onClick={follow}>
      {children}
    </a>
  );
}
