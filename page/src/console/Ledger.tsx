// The ledger: what is looked for stands in the address, so that a search can be kept and shared.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { isAbort, json, query } from "../api/http";
import { Icon } from "../parts/Icon";
import { reasonOf } from "../state/problems";
import { go, search } from "../state/router";
import { doors, ledger as words, sections } from "../strings-console";
import { Chains } from "./Chains";
import { EntryTable } from "./EntryTable";
import { moment } from "./format";
import { learnNames } from "./names";
import { Trouble, Waiting } from "./pieces";
import type { Entry, EntryPage } from "./wire";

const PATH = "/console/ledger";
const FILTERS = ["user", "door", "verdict", "code", "session_id", "since", "until", "console"] as const;
type Filter = (typeof FILTERS)[number];
type Wanted = Partial<Record<Filter, string>>;
const RARE: Filter[] = ["code", "session_id", "since", "until"];

export function Ledger() {
  useEffect(() => void learnNames(), []);
  const wanted = wantedOf(search.value);
  const key = query("", wanted);
  return (
    <>
      <h1 class="away">{sections.ledger}</h1>
      <Chains />
      <Filters key={key} wanted={wanted} />
      <Results key={`of${key}`} wanted={wanted} />
    </>
  );
}

function wantedOf(text: string): Wanted {
  const given = new URLSearchParams(text);
  return Object.fromEntries(FILTERS.flatMap((name) => (given.get(name) ? [[name, given.get(name)]] : [])));
}

function Filters({ wanted }: { wanted: Wanted }) {
  const form = useRef<HTMLFormElement>(null);
  const apply = (event: Event) => {
    event.preventDefault();
    if (!form.current) return;
    const given = new FormData(form.current);
    const next: Wanted = {};
    for (const name of FILTERS) {
      const value = String(given.get(name) ?? "").trim();
      if (value) next[name] = name === "since" || name === "until" ? new Date(value).toISOString() : value;
    }
    go(query(PATH, next));
  };
  const rare = RARE.some((name) => wanted[name]);
  return (
    <form ref={form} class="filters" aria-label={words.filters} onSubmit={apply}>
      <Field name="user" label={words.user} hint={words.userHint} value={wanted.user} />
      <label class="labelled">
        <span>{words.door}</span>
        <select name="door" defaultValue={wanted.door ?? ""}>
          <option value="">{words.any}</option>
          {Object.entries(doors).map(([name, said]) => (
            <option key={name} value={name} selected={wanted.door === name}>
              {said}
            </option>
          ))}
        </select>
      </label>
      <label class="labelled">
        <span>{words.verdict}</span>
        <select name="verdict">
          <option value="">{words.any}</option>
          {Object.entries(words.verdicts).map(([name, said]) => (
            <option key={name} value={name} selected={wanted.verdict === name}>
              {said}
            </option>
          ))}
        </select>
      </label>
      <details open={rare}>
        <summary>{words.more}</summary>
        <div class="more">
          <Field name="code" label={words.code} value={wanted.code} />
          <Field name="session_id" label={words.conversation} hint={words.conversationHint} value={wanted.session_id} />
          <TimeField name="since" label={words.since} value={wanted.since} />
          <TimeField name="until" label={words.until} value={wanted.until} />
        </div>
      </details>
      <label class="tick">
        <input type="checkbox" name="console" value="hide" defaultChecked={wanted.console === "hide"} />
        <span>{words.hideConsole}</span>
      </label>
      <div class="actions">
        <button type="submit" class="primary">
          <Icon name="search" />
          {words.apply}
        </button>
        <button type="button" class="plain" onClick={() => go(query(PATH, { console: "hide" }))}>
          {words.clear}
        </button>
        <span class="push" />
        <a class="button plain" href={query("/api/operator/ledger/export.csv", wanted)} download>
          <Icon name="export" />
          {words.exportCsv}
        </a>
        <a class="button plain" href={query("/api/operator/ledger/export.json", wanted)} download>
          <Icon name="export" />
          {words.exportJson}
        </a>
      </div>
    </form>
  );
}

interface FieldProps {
  name: Filter;
  label: string;
  hint?: string;
  value: string | undefined;
}

function Field({ name, label, hint, value }: FieldProps) {
  return (
    <label class="labelled">
      <span>{label}</span>
      <input name={name} defaultValue={value ?? ""} placeholder={hint} autocomplete="off" spellcheck={false} />
    </label>
  );
}

function TimeField({ name, label, value }: FieldProps) {
  return (
    <label class="labelled">
      <span>{label}</span>
      <input type="datetime-local" name={name} defaultValue={localOf(value) ?? ""} step={1} />
    </label>
  );
}

// A time as `datetime-local` takes it: local, without a zone.
function localOf(iso: string | undefined): string | undefined {
  if (!iso || Number.isNaN(Date.parse(iso))) return undefined;
  const date = new Date(iso);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function Results({ wanted }: { wanted: Wanted }) {
  const entries = useSignal<Entry[]>([]);
  const page = useSignal<EntryPage | null>(null);
  const problem = useSignal("");
  const busy = useSignal(false);
  const gone = useRef(new AbortController());
  const read = async (cursor: string | null) => {
    busy.value = true;
    problem.value = "";
    try {
      const path = query("/api/operator/ledger", { ...wanted, limit: 50, cursor });
      const found = await json<EntryPage>("GET", path, { signal: gone.current.signal });
      entries.value = cursor ? [...entries.value, ...found.entries] : found.entries;
      page.value = found;
    } catch (error) {
      if (isAbort(error)) return;
      problem.value = reasonOf(error);
    }
    busy.value = false;
  };
  useEffect(() => {
    void read(null);
    return () => gone.current.abort();
  }, []);
  const next = page.value?.next_cursor ?? null;
  const back = page.value?.read_back_to;
  const unread = page.value?.unread ?? [];
  return (
    <section aria-label={words.results} aria-busy={busy.value}>
      <Trouble text={problem.value} retry={() => void read(next)} />
      {unread.length > 0 && (
        <p class="notice" role="status">
          <Icon name="alert" />
          <span>{words.unread(unread.join(", "))}</span>
        </p>
      )}
      {entries.value.length > 0 && <EntryTable caption={words.results} entries={entries.value} />}
      {busy.value && <Waiting />}
      {page.value && !busy.value && (
        <p class="after" role="status">
          {entries.value.length > 0
            ? words.shown(entries.value.length)
            : next && back
              ? words.noneYet(moment(back))
              : words.none}
        </p>
      )}
      {next && !busy.value && (
        <button type="button" class="plain" onClick={() => void read(next)}>
          {entries.value.length > 0 ? words.older : words.searchOn}
        </button>
      )}
    </section>
  );
}
