// What the runtime hosts: its agents with their switch, and the sessions of all users that have a process or a call.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { json, query } from "../api/http";
import { Icon } from "../parts/Icon";
import { Link } from "../parts/Link";
import { toast } from "../state/toasts";
import { sessions as words } from "../strings-console";
import { Named } from "./EntryTable";
import { length, moment, short } from "./format";
import { useLoaded } from "./loading";
import { learnNames, nameOf } from "./names";
import { Badge, Sure, Trouble } from "./pieces";
import type { Agent, RuntimeView, Session } from "./wire";

const EVERY = 4000; // milliseconds
// In some patterns operators have no key for the agent door; then there is nothing to show, and it is said.
const NOT_HERE = new Set(["no_operations", "not_found"]);

type Asking = { what: "end"; session: Session } | { what: "stop" | "allow"; agent: Agent } | null;

export function Sessions() {
  useEffect(() => void learnNames(), []);
  const loaded = useLoaded<RuntimeView>("/api/operator/sessions", EVERY);
  const asking = useSignal<Asking>(null);
  const found = loaded.data;
  if (!found && NOT_HERE.has(loaded.code)) {
    return loaded.code === "not_found" ? null : <p class="nothing">{loaded.problem}</p>;
  }
  const ask = (asked: Asking) => {
    asking.value = asked;
  };
  return (
    <>
      <Trouble text={loaded.problem} retry={loaded.reload} />
      {found && <Agents agents={found.agents} ask={ask} />}
      {found && <SessionTable view={found} ask={ask} />}
      {asking.value && <Asked asking={asking.value} done={loaded.reload} onClose={() => ask(null)} />}
    </>
  );
}

function Agents({ agents, ask }: { agents: Agent[]; ask: (asked: Asking) => void }) {
  return (
    <section aria-labelledby="agents">
      <h2 id="agents">{words.agents}</h2>
      <ul class="agents">
        {agents.map((agent) => (
          <li key={agent.name}>
            <strong>{agent.name}</strong>
            <Badge tone={agent.stopped_at ? "bad" : "good"}>{agent.stopped_at ? words.stopped : words.runs}</Badge>
            {agent.stopped_at && <span class="known">{words.since(moment(agent.stopped_at))}</span>}
            <span class="push" />
            {agent.stopped_at ? (
              <button
                type="button"
                class="plain"
                aria-label={words.allowOf(agent.name)}
                onClick={() => ask({ what: "allow", agent })}
              >
                {words.allow}
              </button>
            ) : (
              <button
                type="button"
                class="plain"
                aria-label={words.stopOf(agent.name)}
                onClick={() => ask({ what: "stop", agent })}
              >
                <Icon name="stop" />
                {words.stop}
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function SessionTable({ view, ask }: { view: RuntimeView; ask: (asked: Asking) => void }) {
  return (
    <section aria-labelledby="sessions">
      <h2 id="sessions">{words.title}</h2>
      <p class="after">{view.total ? words.total(view.total) : words.none}</p>
      {view.sessions.length > 0 && (
        <table class="cards">
          <caption class="away">{words.title}</caption>
          <thead>
            <tr>
              <th scope="col">{words.user}</th>
              <th scope="col">{words.agent}</th>
              <th scope="col">{words.session}</th>
              <th scope="col">{words.state}</th>
              <th scope="col">{words.process}</th>
              <th scope="col">{words.began}</th>
              <th scope="col">
                <span class="away">{words.end}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {view.sessions.map((session) => (
              <tr key={`${session.owner}/${session.session_id}`}>
                <th scope="row">
                  <Named id={session.owner} />
                </th>
                <td data-label={words.agent}>{session.agent}</td>
                <td data-label={words.session}>
                  <Link to={query("/console/ledger", { session_id: session.session_id })}>
                    <code title={session.session_id}>{short(session.session_id)}</code>
                  </Link>
                </td>
                <td>
                  {session.turn_id ? (
                    <Badge tone="good">{words.answering}</Badge>
                  ) : (
                    words.idle(length(session.idle_seconds * 1000))
                  )}
                </td>
                <td data-label={words.process}>{session.process ?? words.shared}</td>
                <td class="time" data-label={words.began}>
                  {moment(session.started_at)}
                </td>
                <td class="to">
                  <button
                    type="button"
                    class="plain"
                    aria-label={words.endOf(nameOf(session.owner))}
                    onClick={() => ask({ what: "end", session })}
                  >
                    {words.end}
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Asked({ asking, done, onClose }: { asking: NonNullable<Asking>; done: () => void; onClose: () => void }) {
  if (asking.what === "end") {
    const { owner, session_id } = asking.session;
    const act = async () => {
      await json("DELETE", `/api/operator/sessions/${encodeURIComponent(owner)}/${encodeURIComponent(session_id)}`);
      toast(words.ended(nameOf(owner)));
      done();
    };
    return (
      <Sure title={words.sureEnd(nameOf(owner))} text={words.sureEndText} label={words.end} danger act={act} onClose={onClose} />
    );
  }
  const { name } = asking.agent;
  const stop = asking.what === "stop";
  const act = async () => {
    await json("POST", `/api/operator/agents/${encodeURIComponent(name)}/${asking.what}`);
    toast(stop ? words.agentStopped(name) : words.agentAllowed(name));
    done();
  };
  return (
    <Sure
      title={stop ? words.sureStop(name) : words.sureAllow(name)}
      text={stop ? words.sureStopText : words.sureAllowText}
      label={stop ? words.stop : words.allow}
      danger={stop}
      act={act}
      onClose={onClose}
    />
  );
}
