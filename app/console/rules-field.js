/** Rules: where visitors of a kind are sent; the first that matches decides. */

import { el, fill } from "./elements.js";
import { choice, field } from "./fields.js";
import { icon } from "./icons.js";
import { say } from "./words.js";

const DEVICES = ["ios", "android", "desktop"];
const MOST = 20;

/** Make the field: a list of rules that can be added, moved and taken away. */
export function rulesField() {
  const rows = el("ol", { class: "rules" });
  const error = el("p", { class: "error", role: "alert" });
  const add = el("button", { type: "button", class: "plain" }, icon("plus"), say("rules.add"));
  const element = el("fieldset", { class: "field" }, el("legend", {}, say("rules")), el("p", { class: "hint" }, say("rules.hint")), rows, error, add);
  let rules = [];

  const show = () => {
    fill(rows, rules.map((rule) => rule.element));
    rules.forEach((rule, at) => rule.place(at, rules.length));
    add.hidden = rules.length >= MOST;
  };
  const move = (rule, by) => {
    const at = rules.indexOf(rule);
    rules.splice(at, 1);
    rules.splice(at + by, 0, rule);
    show();
    rule.focus();
  };
  const remove = (rule) => {
    rules = rules.filter((each) => each !== rule);
    show();
    add.focus();
  };
  const make = (given) => ruleRow(given, { move, remove });
  add.addEventListener("click", () => {
    rules.push(make({ if: {}, url: "" }));
    show();
    rules.at(-1).focus();
  });
  return {
    element,
    input: add,
    fail: (...text) => {
      element.setAttribute("aria-invalid", "true");
      fill(error, ...text);
    },
    clear: () => {
      element.removeAttribute("aria-invalid");
      fill(error);
    },
    get: () => rules.map((rule) => rule.get()),
    set: (value) => {
      rules = (value ?? []).map(make);
      show();
    },
    check: () => rules.map((rule) => rule.check()).every(Boolean),
  };
}

function ruleRow(given, list) {
  const condition = given.if;
  const device = field(say("device"), choice({}, [["", say("any")], ...DEVICES.map((each) => [each, say(`device.${each}`)])], condition.device ?? ""));
  const language = field(say("language"), { value: condition.language ?? "", placeholder: "pt-BR", maxlength: 35, dir: "ltr", autocomplete: "off" });
  const country = field(say("country"), { value: condition.country ?? "", placeholder: "BR", maxlength: 2, dir: "ltr", autocomplete: "off" });
  const name = field(say("query.name"), { value: condition.query?.name ?? "", maxlength: 256, dir: "ltr", autocomplete: "off" });
  const value = field(say("query.value"), { value: condition.query?.value ?? "", maxlength: 256, dir: "ltr", autocomplete: "off" });
  const url = field(say("leads_to"), { value: given.url, inputmode: "url", maxlength: 8192, dir: "ltr", placeholder: "https://", autocomplete: "off" });
  const heading = el("h3", {});
  const up = small("up", say("rules.up"), () => list.move(rule, -1));
  const down = small("down", say("rules.down"), () => list.move(rule, 1));
  const away = small("remove", say("rules.remove"), () => list.remove(rule));
  const element = el(
    "li",
    {},
    el("header", {}, heading, up, down, away),
    el("div", { class: "columns" }, device.element, language.element, country.element, name.element, value.element),
    url.element,
  );
  const rule = {
    element,
    focus: () => device.input.focus(),
    place: (at, count) => {
      heading.textContent = say("rules.number", { n: at + 1 });
      up.hidden = at === 0;
      down.hidden = at === count - 1;
    },
    get: () => ({ if: read(device, language, country, name, value), url: url.value().trim() }),
    check: () => {
      const conditions = Object.keys(rule.get().if).length;
      if (!conditions) device.fail(say("rules.condition"));
      if (!url.value().trim()) url.fail(say("target.needed"));
      return conditions > 0 && url.value().trim() !== "";
    },
  };
  return rule;
}

function read(device, language, country, name, value) {
  const found = {};
  if (device.value()) found.device = device.value();
  if (language.value().trim()) found.language = language.value().trim();
  if (country.value().trim()) found.country = country.value().trim().toUpperCase();
  if (name.value()) found.query = { name: name.value(), value: value.value() };
  return found;
}

function small(picture, label, run) {
  return el("button", { type: "button", class: "quiet", "aria-label": label, title: label, on: { click: run } }, icon(picture));
}
