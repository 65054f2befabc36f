/** Tags, one by one: each is a button that takes it away. */

import { el, fill } from "./elements.js";
import { field, offered } from "./fields.js";
import { icon } from "./icons.js";
import { say } from "./words.js";

const MOST = 20;

/** Make the field; Enter or a comma puts what was typed among the tags. */
export function tagsField(names) {
  const list = offered(names);
  const made = field(
    say("tags"),
    { name: "tag", maxlength: 64, autocomplete: "off", dir: "auto", list: list.id, enterkeyhint: "done" },
    { optional: true, hint: say("tags.hint") },
  );
  const chosen = el("ul", { class: "tags chosen", "aria-label": say("tags.chosen") });
  made.input.before(chosen);
  made.element.append(list);
  let tags = [];
  const show = () => fill(chosen, tags.map((tag) => el("li", {}, chip(tag))));

  const chip = (tag) =>
    el(
      "button",
      { type: "button", class: "chip", "aria-label": say("tags.remove", { name: tag }), on: { click: () => remove(tag) } },
      el("span", { dir: "auto" }, tag),
      icon("close"),
    );
  const remove = (tag) => {
    tags = tags.filter((each) => each !== tag);
    show();
    made.input.focus();
  };
  const take = () => {
    const given = made.input.value.split(",").map((each) => each.trim()).filter(Boolean);
    for (const tag of given) if (!tags.some((each) => same(each, tag))) tags.push(tag);
    made.input.value = "";
    show();
  };
  made.input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && made.input.value.trim() && !event.isComposing) {
      event.preventDefault();
      take();
    } else if (event.key === "Backspace" && !made.input.value && tags.length) {
      remove(tags.at(-1));
    }
  });
  made.input.addEventListener("input", () => made.input.value.includes(",") && take());
  made.input.addEventListener("change", take);

  return {
    element: made.element,
    input: made.input,
    fail: made.fail,
    clear: made.clear,
    get: () => {
      if (made.input.value.trim()) take();
      return [...tags];
    },
    set: (value) => {
      tags = [...(value ?? [])];
      show();
    },
    check: () => {
      take();
      if (tags.length <= MOST) return true;
      made.fail(say("tags.too_many"));
      return false;
    },
  };
}

const same = (one, other) => one.normalize().toLowerCase() === other.normalize().toLowerCase();
