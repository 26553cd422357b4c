// Short messages at the rim, some with an action. One that can be undone goes on its own when nobody is at it.

import { signal } from "@preact/signals";

export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action: { label: string; act: () => void } | null;
}

export const toasts = signal<Toast[]>([]);
let count = 0;

export function toast(text: string, more: { bad?: boolean; action?: Toast["action"] } = {}): number {
  count += 1;
  toasts.value = [...toasts.value.slice(-2), { id: count, text, bad: more.bad ?? false, action: more.action ?? null }];
  return count;
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}
