// A whole page that says one thing, and what to do.

import { Link } from "./Link";
import { Mark } from "./Icon";

interface Props {
  title: string;
  text: string;
  action: { label: string; to: string } | { label: string; act: () => void };
}

export function Message({ title, text, action }: Props) {
  return (
    <main class="alone">
      <Mark />
      <h1>{title}</h1>
      <p>{text}</p>
      {"to" in action ? (
        <Link to={action.to} class="button primary">
          {action.label}
        </Link>
      ) : (
        <button type="button" class="primary" onClick={action.act}>
          {action.label}
        </button>
      )}
    </main>
  );
}
