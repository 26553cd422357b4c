// How it goes: the doors in a drawing, what is spent, and charts of the last hour or day.

import { Icon } from "../parts/Icon";
import { go, search } from "../state/router";
import { charts, now as words, sections } from "../strings-console";
import { ChartGrid } from "./ChartGrid";
import { DoorMap } from "./DoorMap";
import { count, money, share } from "./format";
import { useLoaded } from "./loading";
import { Trouble, Waiting } from "./pieces";
import type { HouseNow, Series, Window } from "./wire";

const EVERY: Record<Window, number> = { hour: 10_000, day: 60_000 }; // milliseconds, as samples come

export function Now() {
  const window: Window = new URLSearchParams(search.value).get("window") === "day" ? "day" : "hour";
  const house = useLoaded<HouseNow>("/api/operator/now", EVERY.hour);
  const series = useLoaded<Series>(`/api/operator/metrics?window=${window}`, EVERY[window]);
  return (
    <>
      <h1 class="away">{sections.now}</h1>
      <Trouble text={house.problem || series.problem} retry={house.reload} />
      {house.data ? <House house={house.data} /> : !house.problem && <Waiting />}
      <div class="bar">
        <h2>{window === "day" ? words.lastDay : words.lastHour}</h2>
        <fieldset class="segments">
          <legend class="away">{words.window}</legend>
          {(["hour", "day"] as const).map((one) => (
            <label key={one}>
              <input
                type="radio"
                name="window"
                checked={one === window}
                onChange={() => go(one === "day" ? "/console?window=day" : "/console", { replace: true })}
              />
              <span class="segment">{words[one]}</span>
            </label>
          ))}
        </fieldset>
      </div>
      {series.data && series.data.window === window && <ChartGrid series={series.data} />}
    </>
  );
}

function House({ house }: { house: HouseNow }) {
  const { budget } = house;
  return (
    <>
      {house.silent.length > 0 && (
        <p class="notice" role="status">
          <Icon name="alert" />
          <span>{words.silent(house.silent.join(", "))}</span>
        </p>
      )}
      <DoorMap house={house} />
      <dl class="tiles">
        <Tile name={words.turnsNow} value={count(house.active_turns)} />
        <Tile name={words.streamsNow} value={count(house.open_streams)} />
        <Tile name={words.turnsToday} value={count(house.turns_today)} />
        <Tile name={charts.tokens} value={count(house.tokens_today)} part={house.tokens_today} whole={budget.tokens} say={count} />
        <Tile name={charts.money} value={money(house.money_today)} part={house.money_today} whole={budget.money} say={money} />
      </dl>
    </>
  );
}

interface TileProps {
  name: string;
  value: string;
  part?: number;
  whole?: number | null;
  say?: (value: number) => string;
}

function Tile({ name, value, part, whole, say }: TileProps) {
  const used = part !== undefined && whole ? share(part, whole) : null;
  return (
    <div class="tile">
      <dt>{name}</dt>
      <dd>
        <span class="big">{value}</span>
        {part !== undefined && <span class="small-note">{whole && say ? words.of(say(whole)) : words.noBudget}</span>}
        {used !== null && <meter min={0} max={100} low={75} high={90} optimum={0} value={used} aria-label={name} />}
      </dd>
    </div>
  );
}
