/** Visits over time as bars, with the same numbers as a table for who cannot see them. */

import { el, fill, svg } from "./elements.js";
import { number, say } from "./words.js";

const HEIGHT = 220;
const MARGIN = { top: 12, right: 8, bottom: 28, left: 44 };
const NARROWEST_LABEL = 84;

/**
 * Make a chart of steps {at, visits, bots}; `label` names a step in full, `short` on the axis. It is
 * drawn as wide as its place, and anew when that changes.
 */
export function chart(steps, { label, short, caption }) {
  const place = el("div", { class: "chart" });
  const readout = el("p", { class: "soft readout", "aria-hidden": "true" });
  const summary = say("chart.summary", {
    visits: number(sum(steps, "visits")),
    bots: number(sum(steps, "bots")),
    caption,
  });
  const rest = () => fill(readout, say("chart.hint"));
  const tell = (step) => fill(readout, label(step), ": ", say("chart.step", { visits: number(step.visits), bots: number(step.bots) }));
  let drawn = 0;
  const draw = () => {
    const width = Math.floor(place.clientWidth);
    if (!width || width === drawn) return;
    drawn = width;
    fill(place, picture(steps, width, { label, short, summary, tell, rest }));
  };
  new ResizeObserver(draw).observe(place);
  rest();
  return el("figure", {}, legend(), place, readout, table(steps, label, caption));
}

function picture(steps, width, { label, short, summary, tell, rest }) {
  const inner = width - MARGIN.left - MARGIN.right;
  const tall = HEIGHT - MARGIN.top - MARGIN.bottom;
  const lines = scale(Math.max(1, ...steps.map((step) => step.visits + step.bots)));
  const top = lines.at(-1);
  const y = (value) => MARGIN.top + tall - (value / top) * tall;
  const slot = inner / Math.max(1, steps.length);
  const bars = steps.map((step, at) => {
    const x = MARGIN.left + at * slot;
    const gap = Math.min(4, slot * 0.2);
    const bar = (name, from, value) =>
      value > 0 &&
      svg("rect", { class: name, x: x + gap / 2, width: Math.max(0.5, slot - gap), y: y(from + value), height: y(from) - y(from + value) });
    return svg(
      "g",
      { class: "step", on: { pointerenter: () => tell(step), pointerleave: rest } },
      svg("rect", { class: "under", x, y: MARGIN.top, width: slot, height: tall }),
      bar("people", 0, step.visits),
      bar("bots", step.visits, step.bots),
      svg("title", {}, `${label(step)}: ${say("chart.step", { visits: number(step.visits), bots: number(step.bots) })}`),
    );
  });
  return svg(
    "svg",
    { role: "img", "aria-label": summary, viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT },
    lines.map((value) =>
      svg(
        "g",
        { class: "grid" },
        svg("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
        svg("text", { x: MARGIN.left - 8, y: y(value), "text-anchor": "end", "dominant-baseline": "middle" }, number(value)),
      ),
    ),
    bars,
    axis(steps, slot, short),
  );
}

function axis(steps, slot, short) {
  const every = Math.max(1, Math.ceil(NARROWEST_LABEL / slot));
  return steps
    .map((step, at) => [step, at])
    .filter(([, at]) => at % every === 0 && (at + every / 2 <= steps.length || at === 0))
    .map(([step, at]) =>
      svg("text", { class: "mark", x: MARGIN.left + (at + 0.5) * slot, y: HEIGHT - 8, "text-anchor": "middle" }, short(step)),
    );
}

/** Return round numbers from 0 to at least `most`: three to six of them. */
function scale(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  const step = Math.max(1, [0.2, 0.5, 1, 2].map((each) => each * power).find((each) => most / each <= 5) ?? power);
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, at) => at * step);
}

function legend() {
  return el(
    "ul",
    { class: "legend", "aria-hidden": "true" },
    el("li", { class: "people" }, say("people")),
    el("li", { class: "bots" }, say("bots")),
  );
}

function table(steps, label, caption) {
  const rows = steps.map((step) =>
    el("tr", {}, el("th", { scope: "row" }, label(step)), el("td", {}, number(step.visits)), el("td", {}, number(step.bots)), el("td", {}, number(step.scans))),
  );
  const heads = ["time", "people", "bots", "scans"].map((name) => el("th", { scope: "col" }, say(name)));
  return el(
    "details",
    {},
    el("summary", {}, say("as_table")),
    el("div", { class: "scrolled", tabindex: "0", role: "region", "aria-label": caption }, el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows))),
  );
}

const sum = (steps, name) => steps.reduce((total, step) => total + step[name], 0);
