// A chart of lines over time (uPlot), with its newest values as a legend and its numbers as a table.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { charts as words } from "../strings-console";
import { type Line, stacked as pile } from "./curves";
import { clock } from "./format";
import { watchTheme } from "./theme";

export interface Curve {
  name: string;
  color: string; // the name of a CSS variable
  values: Line;
  filled?: boolean;
  dashed?: boolean;
}

interface Props {
  title: string;
  hint: string;
  at: number[];
  curves: Curve[];
  say: (value: number) => string;
  empty?: string;
  stacked?: boolean;
}

const HEIGHT = 168;
const ROWS = 12; // of the table

export function Chart({ title, hint, at, curves, say, empty, stacked = false }: Props) {
  const some = at.length > 1 && curves.some((curve) => curve.values.some((value) => value !== null));
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <p>{hint}</p>
      </figcaption>
      {some ? (
        <>
          <Plot at={at} curves={curves} say={say} stacked={stacked} title={title} />
          <ul class="legend">
            {curves.map((curve) => (
              <li key={curve.name} data-color={curve.color}>
                <span class="swatch" aria-hidden="true" />
                {curve.name}
                <strong>{said(last(curve.values), say)}</strong>
              </li>
            ))}
          </ul>
          <Numbers title={title} at={at} curves={curves} say={say} />
        </>
      ) : (
        <p class="nothing">{empty ?? words.none}</p>
      )}
    </figure>
  );
}

type Drawn = Pick<Props, "title" | "at" | "curves" | "say"> & { stacked: boolean };

function Plot({ title, at, curves, say, stacked }: Drawn) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const shape = curves.map((curve) => `${curve.name}${curve.color}${curve.dashed}`).join();
  const values = curves.map((curve) => curve.values);
  const data = [at, ...(stacked ? pile(values) : values)] as uPlot.AlignedData;
  const newest = useRef(data);
  newest.current = data;
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(element, curves, say, stacked), newest.current, element);
    };
    draw();
    const sized = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    sized.observe(element);
    const unwatch = watchTheme(draw);
    return () => {
      unwatch();
      sized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape, stacked]);
  useEffect(() => plot.current?.setData(data), [at, shape]);
  const text = curves.map((curve) => summary(curve, say)).join(" ");
  return <div ref={box} class="plot" role="img" aria-label={`${title}. ${text}`} />;
}

function options(element: HTMLElement, curves: Curve[], say: (value: number) => string, stacked: boolean): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(name).trim() || "gray";
  const axis = {
    stroke: color("--soft"),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
    axes: [
      { ...axis, size: 28, space: 60, values: (_, ticks) => ticks.map((tick) => clock(tick).slice(0, 5)) },
      { ...axis, size: 58, space: 32, values: (_, ticks) => ticks.map((tick) => say(tick)) },
    ],
    series: [
      {},
      ...(stacked ? [...curves].reverse() : curves).map((curve) => ({
        label: curve.name,
        stroke: color(curve.color),
        width: 1.5,
        points: { show: false },
        spanGaps: false,
        ...(curve.dashed ? { dash: [6, 4] } : {}),
        ...(curve.filled || stacked ? { fill: faint(color(curve.color), stacked ? 70 : 14, stacked ? color("--sheet") : "transparent") } : {}),
      })),
    ],
  };
}

// Of what is piled up nothing may shine through, or its colour would be another than in the legend.
function faint(color: string, percent: number, ground: string): string {
  return `color-mix(in srgb, ${color} ${percent}%, ${ground})`;
}

// The same numbers for those who do not see the chart, or want to copy them: a few moments, the newest first.
function Numbers({ title, at, curves, say }: Omit<Drawn, "stacked">) {
  const step = Math.max(1, Math.floor(at.length / ROWS));
  const places = at.map((_, place) => place).filter((place) => (at.length - 1 - place) % step === 0);
  return (
    <details>
      <summary>{words.table}</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a table that scrolls sideways has to be reached by the keyboard */}
      <section class="scroll" tabIndex={0} aria-label={title}>
        <table>
          <caption class="away">{title}</caption>
          <thead>
            <tr>
              <th scope="col">{words.time}</th>
              {curves.map((curve) => (
                <th key={curve.name} scope="col">
                  {curve.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {places.reverse().map((place) => (
              <tr key={place}>
                <th scope="row">{clock(at[place] ?? 0)}</th>
                {curves.map((curve) => (
                  <td key={curve.name}>{said(curve.values[place] ?? null, say)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}

function summary(curve: Curve, say: (value: number) => string): string {
  const known = curve.values.filter((value): value is number => value !== null);
  if (!known.length) return "";
  const least = known.reduce((a, b) => Math.min(a, b));
  const most = known.reduce((a, b) => Math.max(a, b));
  return words.summary(curve.name, said(last(curve.values), say), say(least), say(most));
}

function last(values: Line): number | null {
  return values.at(-1) ?? null;
}

function said(value: number | null, say: (value: number) => string): string {
  return value === null ? "–" : say(value);
}
