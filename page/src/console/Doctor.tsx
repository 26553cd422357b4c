// The check-up, run when somebody comes here or asks again.

import { Icon } from "../parts/Icon";
import { doctor as words, sections } from "../strings-console";
import { moment } from "./format";
import { useLoaded } from "./loading";
import { Badge, type Tone, Trouble, Waiting } from "./pieces";
import type { Remark } from "./wire";

const ORDER: Remark["state"][] = ["bad", "note", "ok"];
const TONES: Record<Remark["state"], Tone> = { bad: "bad", note: "warn", ok: "good" };

export function Doctor() {
  const loaded = useLoaded<{ at: string; remarks: Remark[] }>("/api/operator/doctor");
  const found = loaded.data;
  const of = (state: Remark["state"]) => found?.remarks.filter((one) => one.state === state) ?? [];
  return (
    <>
      <h1 class="away">{sections.doctor}</h1>
      <div class="bar">
        <p>{words.intro}</p>
        <button type="button" class="plain" disabled={loaded.loading} onClick={loaded.reload}>
          <Icon name="retry" />
          {loaded.loading ? words.running : words.run}
        </button>
      </div>
      <Trouble text={loaded.problem} retry={loaded.reload} />
      {!found && !loaded.problem && <Waiting />}
      {found && (
        <>
          <p class="after" role="status">
            {words.at(moment(found.at))}: {words.counts(of("bad").length, of("note").length, of("ok").length)}
          </p>
          <ul class="remarks">
            {ORDER.flatMap(of).map((one) => (
              <li key={one.text}>
                <Badge tone={TONES[one.state]}>{words.states[one.state]}</Badge>
                <span class="wrap">{one.text}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
