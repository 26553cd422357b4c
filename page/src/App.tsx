// What is on the screen: the way in, the chat, the console, or a sentence why there is nothing.

import { Component, type ComponentChildren } from "preact";
import { lazy, Suspense } from "preact/compat";
import { Chat } from "./chat/Chat";
import { Welcome } from "./chat/Welcome";
import { LiveRegion } from "./parts/LiveRegion";
import { Message } from "./parts/Message";
import { Toasts } from "./parts/Toasts";
import { place } from "./state/router";
import { failure, isOperator, phase } from "./state/session";
import { problems, shell } from "./strings";

// Most people never see it, so that it is loaded by those who do.
const Console = lazy(() => import("./console/Console").then((module) => ({ default: module.Console })));

export function App() {
  return (
    <Boundary>
      <Content />
      <Toasts />
      <LiveRegion />
    </Boundary>
  );
}

function Content() {
  if (phase.value === "broken") {
    const why = failure.value instanceof Error ? failure.value.message : "";
    return <Message title={problems.cannotStart} text={why} action={reload} />;
  }
  if (phase.value !== "in") return <Welcome />;
  const { view } = place.value;
  if (view === "talk") return <Chat />;
  if (view === "console" && isOperator.value) {
    return (
      <Suspense fallback={<div class="boot" role="status" aria-label={shell.loading} />}>
        <Console />
      </Suspense>
    );
  }
  return <Message title={problems.noPage} text={problems.noPageText} action={{ label: shell.backToChat, to: "/" }} />;
}

const reload = { label: problems.reload, act: () => location.reload() };

// A fault of the page itself: what was typed is kept, and a load brings the page back.
class Boundary extends Component<{ children: ComponentChildren }, { broken: boolean }> {
  override state = { broken: false };

  static override getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    return <Message title={problems.broken} text={problems.brokenText} action={reload} />;
  }
}
