// The four doors as a drawing: users at the left, the agent and what it reaches at the right. The list is the text of it.

import type { ComponentChildren } from "preact";
import { doors as doorNames, now as words } from "../strings-console";
import { rate, seconds } from "./format";
import type { DoorName, DoorNow, HouseNow } from "./wire";

export function DoorMap({ house }: { house: HouseNow }) {
  const door = (name: DoorName) => house.doors.find((one) => one.door === name);
  const front = door("front_door");
  const agent = door("agent_door");
  return (
    <section class="map" aria-labelledby="doors">
      <h2 id="doors" class="away">
        {words.map}
      </h2>
      <p class="map-note">{house.over ? words.overMinute(Math.round(house.over)) : words.notYet}</p>
      <ol>
        <Place name={words.users}>{words.usersText}</Place>
        <Way flow={front?.allowed_rate ?? 0} />
        <Door door={front} />
        <Way flow={front?.allowed_rate ?? 0} />
        <Place name={words.services}>{words.servicesText}</Place>
        <Way flow={agent?.allowed_rate ?? 0} />
        <Door door={agent} />
        <Way flow={agent?.allowed_rate ?? 0} />
        <Place name={words.agent}>
          {words.agentText(house.runs)}
          {house.restarts > 0 && <strong class="alarm">{words.restarts(house.restarts)}</strong>}
        </Place>
        <Way flow={(door("tool_door")?.allowed_rate ?? 0) + (door("model_door")?.allowed_rate ?? 0)} />
        <li class="pair">
          <ol>
            <Door door={door("tool_door")} />
            <Door door={door("model_door")} />
          </ol>
        </li>
      </ol>
    </section>
  );
}

function Place({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <li class="place">
      <h3>{name}</h3>
      <p>{children}</p>
    </li>
  );
}

// How fast the dashes go says how much goes through; a still line says that nothing does.
function Way({ flow }: { flow: number }) {
  const speed = flow <= 0 ? "still" : flow < 1 ? "slow" : flow < 20 ? "steady" : "fast";
  return (
    <li class={`way ${speed}`} aria-hidden="true">
      <svg viewBox="0 0 40 12" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <path d="M0 6h40" />
      </svg>
    </li>
  );
}

function Door({ door }: { door: DoorNow | undefined }) {
  if (!door) return null;
  const quiet = door.state === "absent" && (door.door === "tool_door" || door.door === "model_door");
  const codes = Object.entries(door.refused).sort((a, b) => b[1] - a[1]);
  return (
    <li class={`door ${door.state}${door.refused_rate > 0 ? " refusing" : ""}`} data-door={door.door}>
      <h3>
        <DoorMark />
        {doorNames[door.door]}
      </h3>
      {door.state === "open" ? (
        <>
          <dl>
            <div>
              <dt>{words.letIn}</dt>
              <dd class="in">
                {rate(door.allowed_rate)}
                <small>{words.perSecond}</small>
              </dd>
            </div>
            <div>
              <dt>{words.refused}</dt>
              <dd class="out">
                {rate(door.refused_rate)}
                <small>{words.perSecond}</small>
              </dd>
            </div>
            <div>
              <dt>{words.within}</dt>
              <dd>{seconds(door.p95)}</dd>
            </div>
          </dl>
          {codes.length > 0 && (
            <p class="codes">
              {codes.slice(0, 2).map(([code, times]) => (
                <code key={code}>
                  {code} ×{times}
                </code>
              ))}
            </p>
          )}
        </>
      ) : (
        <p class="door-state">{quiet ? words.absentTool : words.states[door.state]}</p>
      )}
    </li>
  );
}

function DoorMark() {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path class="frame" d="M5 21V5a2 2 0 0 1 2-2h10a2 2 0 0 1 2 2v16z" />
      <path class="leaf" d="M8 21V6.500L15 8v13z" />
    </svg>
  );
}
