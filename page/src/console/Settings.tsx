// The configuration in force, with where each value comes from. Secrets are stars already when they come here.

import { useSignal } from "@preact/signals";
import { settings as words } from "../strings-console";
import { useLoaded } from "./loading";
import { Badge, Trouble, Waiting } from "./pieces";
import type { Setting } from "./wire";

export function Settings() {
  const loaded = useLoaded<{ settings: Setting[] }>("/api/operator/settings");
  const text = useSignal("");
  const changed = useSignal(false);
  const all = loaded.data?.settings ?? [];
  const wanted = text.value.trim().toLowerCase();
  const shown = all.filter(
    (one) =>
      (!changed.value || one.source !== "default") &&
      `${one.key} ${one.value} ${one.description}`.toLowerCase().includes(wanted),
  );
  return (
    <>
      <h1 class="away">{words.title}</h1>
      <div class="bar">
        <label class="labelled find">
          <span>{words.search}</span>
          <input
            type="search"
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
          />
        </label>
        <label class="tick">
          <input
            type="checkbox"
            checked={changed.value}
            onChange={(event) => {
              changed.value = event.currentTarget.checked;
            }}
          />
          <span>{words.changedOnly}</span>
        </label>
      </div>
      <Trouble text={loaded.problem} retry={loaded.reload} />
      {!loaded.data && !loaded.problem && <Waiting />}
      {loaded.data && (
        <p class="after" role="status">
          {shown.length ? words.shown(shown.length, all.length) : words.none}
        </p>
      )}
      {shown.length > 0 && (
        <table class="cards settings">
          <caption class="away">{words.title}</caption>
          <thead>
            <tr>
              <th scope="col">{words.key}</th>
              <th scope="col">{words.value}</th>
              <th scope="col">{words.source}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((one) => (
              <tr key={one.key}>
                <th scope="row">
                  <code>{one.key}</code>
                  <span class="muted">{one.description}</span>
                </th>
                <td>
                  <code class="wrap">{one.value}</code>
                </td>
                <td>
                  <Badge tone={one.source === "default" ? "plain" : "warn"}>{words.sources[one.source]}</Badge>
                  {one.origin && <code class="wrap origin">{one.origin}</code>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}
