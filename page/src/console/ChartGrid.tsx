// The charts of an hour or a day.

import { useSignal } from "@preact/signals";
import { charts as words, doors as doorNames } from "../strings-console";
import { Chart, type Curve } from "./Chart";
import { count, money, rate, seconds } from "./format";
import type { DoorName, Series } from "./wire";

const COLORS = ["--chart-1", "--chart-2", "--chart-3", "--chart-4", "--chart-5", "--chart-6", "--chart-7", "--chart-8"];
const BUDGET = "--bad";

export function ChartGrid({ series }: { series: Series }) {
  const { at, budget } = series;
  return (
    <div class="charts">
      <Chart title={words.requests} hint={words.requestsHint} at={at} curves={requests(series)} say={rate} />
      <Chart
        title={words.refusals}
        hint={words.refusalsHint}
        at={at}
        curves={refusals(series)}
        say={count}
        empty={words.noRefusals}
        stacked
      />
      <Latency series={series} />
      <Chart
        title={words.turns}
        hint={words.turnsHint}
        at={at}
        say={count}
        curves={[
          { name: words.active, color: "--chart-1", values: series.active_turns, filled: true },
          { name: words.streams, color: "--chart-2", values: series.open_streams },
        ]}
      />
      <Chart
        title={words.tokens}
        hint={words.spendHint}
        at={at}
        say={count}
        curves={spend(words.tokens, series.tokens_today, budget.tokens)}
      />
      <Chart
        title={words.money}
        hint={words.spendHint}
        at={at}
        say={money}
        curves={spend(words.money, series.money_today, budget.money)}
      />
    </div>
  );
}

function Latency({ series }: { series: Series }) {
  const chosen = useSignal<DoorName>("front_door");
  const door = series.doors.find((one) => one.door === chosen.value) ?? series.doors[0];
  const curves: Curve[] = door
    ? [
        { name: "p50", color: "--chart-1", values: door.p50 },
        { name: "p95", color: "--chart-4", values: door.p95 },
        { name: "p99", color: "--chart-3", values: door.p99 },
      ]
    : [];
  return (
    <div class="with-choice">
      <label class="choice">
        <span class="away">{words.door}</span>
        <select
          value={door?.door}
          onChange={(event) => {
            chosen.value = event.currentTarget.value as DoorName;
          }}
        >
          {series.doors.map((one) => (
            <option key={one.door} value={one.door}>
              {doorNames[one.door]}
            </option>
          ))}
        </select>
      </label>
      <Chart title={words.latency} hint={words.latencyHint} at={series.at} curves={curves} say={seconds} />
    </div>
  );
}

function requests(series: Series): Curve[] {
  return series.doors.map((door, place) => ({
    name: doorNames[door.door] ?? door.door,
    color: COLORS[place] ?? "--chart-1",
    values: door.allowed_rate,
    filled: place === 0,
  }));
}

function refusals(series: Series): Curve[] {
  return Object.entries(series.refused).map(([code, values], place) => ({
    name: code,
    color: COLORS[place] ?? "--soft",
    values,
  }));
}

function spend(name: string, values: number[], budget: number | null): Curve[] {
  const curves: Curve[] = [{ name, color: "--chart-1", values, filled: true }];
  if (budget !== null) curves.push({ name: words.budget, color: BUDGET, values: values.map(() => budget), dashed: true });
  return curves;
}
