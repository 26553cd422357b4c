// The turns that run now, of all users: who and where, and nothing of what is said in them.

import { useSignal } from "@preact/signals";
import { json, query } from "../api/http";
import { Icon } from "../parts/Icon";
import { Link } from "../parts/Link";
import { toast } from "../state/toasts";
import { ledger, sections, turns as words } from "../strings-console";
import { storyAddress } from "./EntryTable";
import { length, short } from "./format";
import { useLoaded } from "./loading";
import { Sessions } from "./Sessions";
import { Sure, Trouble, Waiting } from "./pieces";
import type { OpenTurn } from "./wire";

const EVERY = 2000; // milliseconds

export function Turns() {
  const loaded = useLoaded<{ turns: OpenTurn[]; total: number }>("/api/operator/turns", EVERY);
  const asking = useSignal<OpenTurn | null>(null);
  const found = loaded.data;
  const asked = asking.value;
  return (
    <>
      <h1 class="away">{sections.turns}</h1>
      <div class="bar">
        <h2>{words.title}</h2>
        {found && <p class="after">{words.total(found.total)}</p>}
      </div>
      <Trouble text={loaded.problem} retry={loaded.reload} />
      {!found && !loaded.problem && <Waiting />}
      {found && found.turns.length === 0 && <p class="nothing">{words.none}</p>}
      {found && found.turns.length > 0 && (
        <table class="cards">
          <caption class="away">{words.title}</caption>
          <thead>
            <tr>
              <th scope="col">{words.user}</th>
              <th scope="col">{words.running}</th>
              <th scope="col">{words.conversation}</th>
              <th scope="col">{ledger.story}</th>
              <th scope="col">
                <span class="away">{words.stop}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {found.turns.map((turn) => (
              <tr key={turn.turn_id}>
                <th scope="row">{turn.username}</th>
                <td data-label={words.running}>{length(Date.now() - Date.parse(turn.started_at))}</td>
                <td data-label={words.conversation}>
                  <Link to={query("/console/ledger", { session_id: turn.session_id })}>
                    <code title={turn.session_id}>{short(turn.session_id)}</code>
                  </Link>
                </td>
                <td data-label={words.turn}>
                  <Link to={storyAddress({ request_id: turn.request_id, at: turn.started_at })}>
                    <code title={turn.turn_id}>{short(turn.turn_id)}</code>
                  </Link>
                </td>
                <td class="to">
                  <button type="button" class="plain" aria-label={words.stopOf(turn.username)} onClick={() => (asking.value = turn)}>
                    <Icon name="stop" />
                    {words.stop}
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Sessions />
      {asked && (
        <Sure
          title={words.sure(asked.username)}
          text={words.sureText}
          label={words.stop}
          danger
          act={async () => {
            await json("POST", `/api/operator/turns/${asked.turn_id}/stop`);
            toast(words.stopped(asked.username));
            loaded.reload();
          }}
          onClose={() => (asking.value = null)}
        />
      )}
    </>
  );
}
