// The chat: conversations at the left, the one that is open beside them.

import { useEffect } from "preact/hooks";
import { Icon } from "../parts/Icon";
import { drawer, online, talk } from "../state/page";
import { expired, hasHistory, signIn } from "../state/session";
import { problems, shell } from "../strings";
import { Sidebar } from "./Sidebar";
import { TalkView } from "./TalkView";
import { TopBar } from "./TopBar";

export function Chat() {
  const open = drawer.value;
  useEffect(() => {
    const closing = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) drawer.value = false;
    };
    addEventListener("keydown", closing);
    return () => removeEventListener("keydown", closing);
  }, []);
  const now = talk.value;
  return (
    <div class={hasHistory.value ? "shell" : "shell single"}>
      <a class="skip" href="#message">
        {shell.skip}
      </a>
      {hasHistory.value && <Sidebar />}
      {open && (
        // The button in the list does the same for the keyboard.
        // biome-ignore lint/a11y/useKeyWithClickEvents: Escape does it, too
        // biome-ignore lint/a11y/noStaticElementInteractions: the shade around an open list
        <div class="shade" onClick={() => (drawer.value = false)} />
      )}
      <div class="stage" inert={open}>
        <TopBar />
        <Banners />
        {now && <TalkView key={keyOf(now)} talk={now} />}
      </div>
    </div>
  );
}

const keys = new WeakMap<object, number>();
let count = 0;

// A conversation keeps its place on the screen while it gets its address.
function keyOf(thing: object): number {
  let key = keys.get(thing);
  if (key === undefined) {
    count += 1;
    key = count;
    keys.set(thing, key);
  }
  return key;
}

function Banners() {
  return (
    <>
      {!online.value && (
        <p class="banner" role="status">
          <Icon name="offline" />
          <span>{problems.offline}</span>
        </p>
      )}
      {expired.value && (
        <div class="banner warn" role="alert">
          <Icon name="alert" />
          <span>
            <strong>{problems.expiredTitle}.</strong> {problems.expired}
          </span>
          <button type="button" class="primary" onClick={() => void signIn()}>
            {problems.signInAgain}
          </button>
        </div>
      )}
    </>
  );
}
