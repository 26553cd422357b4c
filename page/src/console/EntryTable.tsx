// Entries of the ledger as a table; on a narrow screen each becomes a card.

import { Icon } from "../parts/Icon";
import { Link } from "../parts/Link";
import { query } from "../api/http";
import { doors, ledger as words } from "../strings-console";
import { moment, short } from "./format";
import { nameOf } from "./names";
import { Badge, verdictTone } from "./pieces";
import type { Entry } from "./wire";

export function EntryTable({ caption, entries }: { caption: string; entries: Entry[] }) {
  return (
    <table class="cards entries">
      <caption class="away">{caption}</caption>
      <thead>
        <tr>
          <th scope="col">{words.time}</th>
          <th scope="col">{words.door}</th>
          <th scope="col">{words.verdict}</th>
          <th scope="col">{words.who}</th>
          <th scope="col">{words.action}</th>
          <th scope="col">{words.story}</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <Row key={`${entry.chain}${entry.sequence}`} entry={entry} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ entry }: { entry: Entry }) {
  const time = moment(entry.at);
  return (
    <tr>
      <td class="time">
        <time dateTime={entry.at} title={entry.at}>
          {time}
        </time>
      </td>
      <td>{doors[entry.door] ?? entry.door}</td>
      <td>
        <Badge tone={verdictTone(entry.verdict)}>{words.verdicts[entry.verdict] ?? entry.verdict}</Badge>{" "}
        <code>{entry.code}</code>
      </td>
      <td>
        <Who entry={entry} />
      </td>
      <td class="action">
        <span>{entry.action}</span>
        {entry.resource && <code title={entry.resource}>{about(entry.resource)}</code>}
      </td>
      <td class="to">
        {entry.request_id && (
          <Link to={storyAddress(entry)} class="quiet small button" label={words.storyOf(entry.action, time)}>
            <Icon name="chevron" />
          </Link>
        )}
      </td>
    </tr>
  );
}

export function Who({ entry }: { entry: Entry }) {
  const { principal, on_behalf_of: other } = entry;
  return (
    <>
      {principal ? <Named id={principal} /> : <span class="muted">{words.nobody}</span>}
      {other && other !== principal && <span class="for">{words.forWhom(said(other))}</span>}
    </>
  );
}

export function Named({ id }: { id: string }) {
  return <span title={id}>{said(id)}</span>;
}

function said(id: string): string {
  const name = nameOf(id);
  return name === id ? short(id) : name;
}

// Of an ARN, the name at its end; of ids, their beginnings.
function about(resource: string): string {
  if (resource.startsWith("arn:")) return resource.slice(resource.lastIndexOf("/") + 1);
  return resource.split("/").map(short).join("/");
}

export function storyAddress(entry: Pick<Entry, "request_id" | "at">): string {
  return query(`/console/requests/${encodeURIComponent(entry.request_id)}`, { near: entry.at });
}
