// One request across all doors, in the order in which it happened.

import { useEffect } from "preact/hooks";
import { query } from "../api/http";
import { CopyButton } from "../parts/CopyButton";
import { Link } from "../parts/Link";
import { search } from "../state/router";
import { shell } from "../strings";
import { doors, ledger, story as words } from "../strings-console";
import { Named, Who } from "./EntryTable";
import { count, length, moment, short } from "./format";
import { useLoaded } from "./loading";
import { learnNames } from "./names";
import { Badge, Trouble, verdictTone, Waiting } from "./pieces";
import type { Entry, RequestStory, StoryTurn } from "./wire";

export function Story({ id }: { id: string }) {
  useEffect(() => void learnNames(), []);
  const near = new URLSearchParams(search.value).get("near");
  const loaded = useLoaded<RequestStory>(query(`/api/operator/requests/${encodeURIComponent(id)}`, { near }));
  const found = loaded.data;
  return (
    <>
      <p>
        <Link to={query("/console/ledger", { console: "hide" })} class="back">
          {words.back}
        </Link>
      </p>
      <h1>{words.title}</h1>
      <p class="id">
        <span>{words.id}</span> <code>{id}</code> <CopyButton text={id} label={shell.copy} />
      </p>
      <Trouble text={loaded.problem} retry={loaded.reload} />
      {!found && !loaded.problem && <Waiting />}
      {found && !found.complete && <p class="notice">{words.incomplete}</p>}
      {found && found.entries.length === 0 && <p class="nothing">{words.none}</p>}
      {found && <Steps entries={found.entries} />}
      {found && found.turns.length > 0 && <TurnList turns={found.turns} />}
    </>
  );
}

function Steps({ entries }: { entries: Entry[] }) {
  const start = entries[0] ? Date.parse(entries[0].at) : 0;
  return (
    <ol class="steps" aria-label={words.across}>
      {entries.map((entry) => (
        <li key={`${entry.chain}${entry.sequence}`} class={entry.verdict}>
          <p class="when">
            <time dateTime={entry.at}>{moment(entry.at)}</time>
            <span>{words.after(Date.parse(entry.at) - start)}</span>
          </p>
          <div class="what">
            <h2>
              {doors[entry.door] ?? entry.door}{" "}
              <Badge tone={verdictTone(entry.verdict)}>{ledger.verdicts[entry.verdict] ?? entry.verdict}</Badge>{" "}
              <code>{entry.code}</code>
            </h2>
            <p>
              {entry.action}
              {entry.resource && (
                <>
                  {" "}
                  <code class="wrap">{entry.resource}</code>
                </>
              )}
            </p>
            <p class="who">
              <Who entry={entry} />
            </p>
            <p class="muted">
              {words.chain(entry.chain, entry.sequence)} · {words.hash}{" "}
              <code title={entry.hash}>{short(entry.hash)}</code>
            </p>
          </div>
        </li>
      ))}
    </ol>
  );
}

function TurnList({ turns }: { turns: StoryTurn[] }) {
  return (
    <section>
      <h2>{words.turns}</h2>
      {turns.map((turn) => (
        <dl key={turn.turn_id} class="sheet-list">
          <Fact name={words.turn} value={<code class="wrap">{turn.turn_id}</code>} />
          <Fact name={ledger.user} value={<Named id={turn.actor_id} />} />
          <Fact
            name={words.conversation}
            value={
              <Link to={query("/console/ledger", { session_id: turn.session_id })}>
                <code class="wrap">{turn.session_id}</code>
              </Link>
            }
          />
          <Fact name={words.status} value={turn.status} />
          {turn.error_code && <Fact name={words.error} value={<code>{turn.error_code}</code>} />}
          <Fact name={words.began} value={moment(turn.started_at)} />
          {turn.finished_at && (
            <Fact name={words.took} value={length(Date.parse(turn.finished_at) - Date.parse(turn.started_at))} />
          )}
          {turn.model && <Fact name={words.model} value={turn.model} />}
          <Fact name={words.tokens} value={`${count(turn.input_tokens)} / ${count(turn.output_tokens)}`} />
        </dl>
      ))}
    </section>
  );
}

function Fact({ name, value }: { name: string; value: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
