// The place of those who run the house (role `operator`). Its parts are loaded with it.

import { Link } from "../parts/Link";
import { shell } from "../strings";

export function Console() {
  return (
    <main class="console">
      <h1>{shell.console}</h1>
      <Link to="/">{shell.backToChat}</Link>
    </main>
  );
}
