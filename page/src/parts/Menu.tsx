// A button that opens a menu, by mouse and by keyboard (WAI-ARIA menu button).

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

export interface MenuItem {
  label: string;
  icon?: ComponentChildren;
  danger?: boolean;
  href?: string; // a link instead of an action
  download?: boolean;
  act?: () => void;
}

interface Props {
  label: string;
  class?: string;
  items: MenuItem[];
  children: ComponentChildren;
}

export function Menu({ label, items, children, ...rest }: Props) {
  const open = useSignal(false);
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const close = (back: boolean) => {
    open.value = false;
    if (back) button.current?.focus();
  };
  // Before the next key: it belongs to the menu already.
  useLayoutEffect(() => {
    if (!open.value) return undefined;
    place(button.current, list.current);
    items_of(list.current)[0]?.focus();
    const outside = (event: Event) => {
      if (!list.current?.contains(event.target as Node) && !button.current?.contains(event.target as Node)) close(false);
    };
    const moved = () => close(false);
    document.addEventListener("pointerdown", outside);
    addEventListener("resize", moved);
    return () => {
      document.removeEventListener("pointerdown", outside);
      removeEventListener("resize", moved);
    };
  }, [open.value]);
  const key = (event: KeyboardEvent) => {
    if (event.key === "Escape" || event.key === "Tab") {
      if (event.key === "Escape") event.preventDefault();
      event.stopPropagation();
      close(true);
      return;
    }
    const all = items_of(list.current);
    const at = all.indexOf(document.activeElement as HTMLElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    all[(next + all.length) % all.length]?.focus();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        class={rest.class}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open.value}
        aria-controls={open.value ? id : undefined}
        onClick={(event) => {
          event.preventDefault();
          event.stopPropagation();
          open.value = !open.value;
        }}
      >
        {children}
      </button>
      {open.value && (
        <div ref={list} id={id} class="menu" role="menu" aria-label={label} popover="manual" onKeyDown={key}>
          {items.map((item) => (
            <Item key={item.label} item={item} close={close} />
          ))}
        </div>
      )}
    </>
  );
}

function Item({ item, close }: { item: MenuItem; close: (back: boolean) => void }) {
  const inner = (
    <>
      {item.icon}
      <span>{item.label}</span>
    </>
  );
  if (item.href) {
    return (
      <a role="menuitem" tabIndex={-1} href={item.href} download={item.download} onClick={() => close(true)}>
        {inner}
      </a>
    );
  }
  const act = () => {
    close(true);
    item.act?.();
  };
  return (
    <button type="button" role="menuitem" tabIndex={-1} class={item.danger ? "danger" : undefined} onClick={act}>
      {inner}
    </button>
  );
}

function items_of(list: HTMLElement | null): HTMLElement[] {
  return list ? [...list.querySelectorAll<HTMLElement>("[role=menuitem]")] : [];
}

// In the top layer, below its button or above it, inside the window.
function place(button: HTMLElement | null, list: HTMLElement | null): void {
  if (!button || !list) return;
  list.showPopover();
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = list;
  const below = at.bottom + 4 + height <= innerHeight;
  list.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  list.style.top = `${Math.max(8, below ? at.bottom + 4 : at.top - 4 - height)}px`;
}
