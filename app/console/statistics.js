/** How links are visited: of one, or of all with a tag. */

import { LONG_WAIT, call, linkPath, withQuery } from "./api.js";
import { breakdowns } from "./breakdowns.js";
import { chart } from "./chart.js";
import { copy } from "./clipboard.js";
import { confirm } from "./dialog.js";
import { save } from "./download.js";
import { el, fill, outward } from "./elements.js";
import { choice, field } from "./fields.js";
import { icon } from "./icons.js";
import { leadsTo, shortened } from "./link-row.js";
import { attempt, isBusy } from "./problems.js";
import { address, go } from "./router.js";
import { toast } from "./toasts.js";
import { locale, number, say, zone } from "./words.js";

/** By name: days back from today, and the interval that suits them. */
const RANGES = { 7: "day", 30: "day", 90: "week", 365: "month" };
const INTERVALS = ["hour", "day", "week", "month"];
const MOST_STEPS = 2000;
const DAY = 86_400_000;

/** Show the statistics of a link. */
export async function showLinkStatistics(outlet, { parts, query, signal }) {
  const code = parts[1];
  const { body: link } = await call("GET", linkPath(code), { signal });
  const name = link.title ?? link.code;
  const shown = new StatisticsView(linkPath(code, "/statistics"), ["links", code], query, signal, link);
  outlet.append(
    el("p", {}, el("a", { href: address(["links"]), class: "back" }, icon("back"), say("nav.links"))),
    el("h1", { tabindex: "-1", dir: "auto" }, name),
    el("p", { class: "short lead" }, outward(link.short_url, { dir: "ltr" }, shortened(link.short_url)), el("span", { class: "target" }, ...leadsTo(), outward(link.url, { dir: "ltr" }))),
    shown.element,
  );
  shown.load();
  return (changed) => shown.follow(changed);
}

/** Show the statistics of all links, or of those with a tag. */
export async function showAllStatistics(outlet, { query, signal }) {
  const shown = new StatisticsView("/api/statistics", ["statistics"], query, signal, null);
  outlet.append(el("h1", { tabindex: "-1" }, say("nav.statistics")), shown.element);
  shown.load();
  shown.offerTags();
  return (changed) => shown.follow(changed);
}

class StatisticsView {
  constructor(path, parts, query, signal, link) {
    Object.assign(this, { path, parts, query, signal, link });
    const ranges = [...Object.keys(RANGES).map((days) => [days, say(`range.${days}`)]), ["own", say("range.own")]];
    this.range = field(say("range"), choice({}, ranges));
    this.interval = field(say("interval"), choice({}, INTERVALS.map((each) => [each, say(`interval.${each}`)])));
    this.from = field(say("from"), { type: "date" });
    this.to = field(say("to"), { type: "date" });
    this.tag = link === null && field(say("tag"), choice({}, [["", say("tag.all")]]));
    this.place = el("div", { class: "place" });
    this.content = el("div", { class: "statistics" });
    this.range.input.addEventListener("change", () => this.chooseRange(this.range.value()));
    this.interval.input.addEventListener("change", () => this.choose({ interval: this.interval.value() }));
    for (const name of ["from", "to"]) this[name].input.addEventListener("change", () => this.chooseDay(name));
    if (this.tag) this.tag.input.addEventListener("change", () => this.choose({ tag: this.tag.value() }));
    const fields = [this.range, this.from, this.to, this.interval, this.tag].filter(Boolean);
    this.element = el(
      "section",
      { "aria-label": say("statistics") },
      el("div", { class: "toolbar fields" }, fields.map((each) => each.element)),
      this.place,
      this.content,
    );
    this.showChoices();
  }

  choose(changes) {
    go(address(this.parts, { ...this.query, ...changes }));
  }

  chooseRange(range) {
    if (range !== "own") return this.choose({ range: range === "30" ? "" : range, from: "", to: "", interval: "" });
    const { from, to } = this.span();
    return this.choose({ range, from, to });
  }

  chooseDay(name) {
    const day = this[name].value();
    if (!day || !this[name].input.validity.valid) return this[name].fail(say("moment.wrong"));
    return this.choose({ [name]: day });
  }

  follow(query) {
    this.query = query;
    this.showChoices();
    this.load();
  }

  /** Return what is asked for: days of the reader's own calendar. */
  span() {
    const { range = "30" } = this.query;
    if (range === "own" && this.query.from && this.query.to) return { from: this.query.from, to: this.query.to };
    const days = Object.hasOwn(RANGES, range) ? Number(range) : 30;
    const now = new Date();
    const first = new Date(now.getFullYear(), now.getMonth(), now.getDate() - days + 1);
    return { from: dateText(first), to: dateText(now) };
  }

  step() {
    if (INTERVALS.includes(this.query.interval)) return this.query.interval;
    const { from, to } = this.span();
    const days = (new Date(to) - new Date(from)) / DAY + 1;
    const suits = Object.entries(RANGES).find(([most]) => days <= Number(most));
    return suits ? suits[1] : "month";
  }

  showChoices() {
    const { from, to } = this.span();
    const own = this.query.range === "own";
    this.range.input.value = own || Object.hasOwn(RANGES, this.query.range ?? "") ? this.query.range : "30";
    this.interval.input.value = this.step();
    this.from.input.value = from;
    this.to.input.value = to;
    for (const each of [this.from, this.to]) each.element.hidden = !own;
    // What the service would refuse is not offered.
    const days = (new Date(to) - new Date(from)) / DAY + 1;
    this.interval.input.options[0].disabled = days * 24 > MOST_STEPS;
    if (this.tag) this.showTag();
  }

  showTag() {
    const { tag = "" } = this.query;
    const known = [...this.tag.input.options].some((each) => each.value === tag);
    if (!known) this.tag.input.append(el("option", { value: tag }, tag));
    this.tag.input.value = tag;
  }

  asked(below = "") {
    const { from, to } = this.span();
    return withQuery(this.path + below, { from, to, interval: this.step(), tz: zone, tag: this.query.tag });
  }

  async load() {
    this.loading?.abort();
    this.to.clear();
    const { from, to } = this.span();
    if (from > to) return this.to.fail(say("expires.before"));
    this.loading = new AbortController();
    const signal = AbortSignal.any([this.signal, this.loading.signal]);
    this.content.setAttribute("aria-busy", "true");
    const done = await attempt(this.place, async () => {
      const { body } = await call("GET", this.asked(), { signal });
      this.show(body);
    }, { retry: () => this.load() });
    if (done) this.content.removeAttribute("aria-busy");
    return undefined;
  }

  show(found) {
    const { visits, bots } = found.totals;
    const names = stepNames(found);
    fill(
      this.content,
      totals(found.totals),
      visits + bots === 0 && this.empty(),
      el(
        "section",
        { class: "card" },
        el("h2", {}, say("over_time")),
        chart(found.series, { ...names, caption: say("over_time") }),
      ),
      breakdowns(found.breakdowns),
      el("p", { class: "soft" }, say("zone", { zone: found.tz.replaceAll("_", " ") })),
      this.buttons(),
    );
  }

  empty() {
    return el(
      "div",
      { class: "empty" },
      el("h2", {}, say("statistics.none")),
      el("p", {}, say("statistics.none.hint")),
      this.link && el("p", {}, el("button", { type: "button", on: { click: () => copy(this.link.short_url) } }, icon("copy"), say("copy"))),
    );
  }

  buttons() {
    const place = el("div", { class: "place" });
    const csv = el("button", { type: "button" }, icon("download"), say("as_csv"));
    csv.addEventListener("click", () => {
      if (!isBusy(csv)) attempt(place, () => save(this.asked(".csv"), "statistics.csv", { wait: LONG_WAIT }), { busy: [csv] });
    });
    const anew = this.link && el("button", { type: "button", class: "danger" }, say("start_anew"));
    if (anew) anew.addEventListener("click", () => this.startAnew(place, anew));
    return el("div", {}, place, el("div", { class: "buttons" }, csv, anew));
  }

  async startAnew(place, button) {
    if (isBusy(button)) return;
    if (!(await confirm(say("start_anew"), say("start_anew.sure"), say("start_anew")))) return;
    const done = await attempt(place, () => call("DELETE", this.path), { busy: [button] });
    if (done) {
      toast(say("started_anew"));
      this.load();
    }
  }

  async offerTags() {
    try {
      const { body } = await call("GET", "/api/tags", { signal: this.signal });
      fill(this.tag.input, el("option", { value: "" }, say("tag.all")), body.tags.map((each) => el("option", { value: each.name }, each.name)));
      this.showTag();
    } catch {
      // All links can be shown without.
    }
  }
}

function totals(found) {
  const tile = (name, value) => el("div", {}, el("dt", {}, say(name)), el("dd", {}, number(value)));
  return el("dl", { class: "totals" }, ["visits", "visitors", "bots", "scans"].map((name) => tile(`total.${name}`, found[name])));
}

/** Return how steps are named: in full, and on the axis. */
function stepNames({ interval, tz }) {
  const named = (options) => {
    const format = new Intl.DateTimeFormat(locale, { ...options, timeZone: tz });
    return (step) => format.format(new Date(step.at));
  };
  const day = { day: "numeric", month: "short" };
  if (interval === "hour") return { label: named({ dateStyle: "medium", timeStyle: "short" }), short: named({ ...day, hour: "numeric" }) };
  if (interval === "month") return { label: named({ month: "long", year: "numeric" }), short: named({ month: "short", year: "2-digit" }) };
  return { label: named({ dateStyle: "medium" }), short: named(day) };
}

function dateText(date) {
  const pad = (value) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}
