import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/list.css";
import "./styles/talk.css";
import "./styles/markdown.css";

import { render } from "preact";
import { App } from "./App";
import { open } from "./state/page";
import { phase, start } from "./state/session";

async function main(root: HTMLElement): Promise<void> {
  await start();
  if (phase.value === "in") open();
  root.replaceChildren();
  render(<App />, root);
}

const root = document.getElementById("app");
if (root) void main(root);
