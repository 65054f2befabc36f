/** Where visits came from: the most frequent values, as tables whose rows are bars too. */

import { el } from "./elements.js";
import { has, nameOf, number, say } from "./words.js";

const SHOWN = 8;
const ALWAYS = ["referrers", "countries", "devices", "browsers"];
const WHERE_ANY = ["systems", "languages", "utm_sources", "utm_mediums", "utm_campaigns"];

/** Return a section for the breakdowns of a statistics answer. */
export function breakdowns(found) {
  const names = [...ALWAYS, ...WHERE_ANY.filter((name) => found[name]?.length)];
  return el("div", { class: "breakdowns" }, names.map((name) => breakdown(name, found[name] ?? [])));
}

function breakdown(name, values) {
  const caption = say(`breakdown.${name}`);
  if (!values.length) {
    return el("section", { class: "card" }, el("h3", {}, caption), el("p", { class: "soft" }, say("breakdown.none")));
  }
  const most = Math.max(...values.map((each) => each.visits));
  const rows = values.map((each) => row(name, each, most));
  const rest = rows.slice(SHOWN);
  const table = (some, label) =>
    el(
      "table",
      { class: "bars" },
      el("caption", { class: "unseen" }, label),
      el("thead", { class: "unseen" }, el("tr", {}, el("th", { scope: "col" }, caption), el("th", { scope: "col" }, say("people")))),
      el("tbody", {}, some),
    );
  return el(
    "section",
    { class: "card" },
    el("h3", {}, caption),
    table(rows.slice(0, SHOWN), caption),
    rest.length > 0 && el("details", {}, el("summary", {}, say("breakdown.more", { n: number(rest.length) })), table(rest, `${caption} (${say("breakdown.rest")})`)),
  );
}

function row(name, { value, visits }, most) {
  const bar = el("span", { class: "bar", "aria-hidden": "true" });
  bar.style.inlineSize = `${Math.max(1, (visits / most) * 100)}%`;
  return el("tr", {}, el("th", { scope: "row" }, bar, el("span", { dir: "auto" }, named(name, value))), el("td", {}, number(visits)));
}

function named(name, value) {
  if (value === "other") return say("other");
  if (name === "countries") return nameOf("region", value);
  if (name === "languages") return nameOf("language", value);
  return has(`device.${value}`) && name === "devices" ? say(`device.${value}`) : value;
}
