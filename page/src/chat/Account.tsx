// Who is signed in, and the way out.

import { Icon } from "../parts/Icon";
import { Menu, type MenuItem } from "../parts/Menu";
import { depart } from "../state/page";
import { reasonOf } from "../state/problems";
import { go } from "../state/router";
import { config, isOperator, me } from "../state/session";
import { toast } from "../state/toasts";
import { shell } from "../strings";

export function Account({ compact = false }: { compact?: boolean }) {
  const name = me.value?.username ?? "";
  const out = (everywhere: boolean) => {
    depart(everywhere).catch((error) => toast(reasonOf(error), { bad: true }));
  };
  const items: MenuItem[] = [{ label: shell.signOut, icon: <Icon name="signOut" />, act: () => out(false) }];
  if (!config().direct) {
    items.push({ label: shell.signOutEverywhere, icon: <Icon name="signOut" />, danger: true, act: () => out(true) });
  }
  if (isOperator.value) {
    items.unshift({ label: shell.console, icon: <Icon name="gauge" />, act: () => go("/console") });
  }
  return (
    <Menu label={`${shell.account}: ${shell.signedInAs(name)}`} class={compact ? "account compact" : "account"} items={items}>
      <span class="initial" aria-hidden="true" data-initial={name.slice(0, 1).toUpperCase() || "?"} />
      <span class="name">{name}</span>
    </Menu>
  );
}
