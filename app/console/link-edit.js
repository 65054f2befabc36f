/** Change a link. What somebody else changed meanwhile is shown, and what was typed is kept. */

import { call, linkPath } from "./api.js";
import { openDialog } from "./dialog.js";
import { el, fill } from "./elements.js";
import { focusFirstError } from "./fields.js";
import { checkFields, linkFields } from "./link-fields.js";
import { beside } from "./link-new.js";
import { attempt, isBusy } from "./problems.js";
import { moment, say } from "./words.js";

/** Open the window; resolves with the changed link, or null. */
export async function editLink(link, tagNames) {
  const place = el("div", { class: "place" });
  const content = el("div", {}, place);
  const window_ = openDialog(say("edit_of", { name: link.title ?? link.code }), content, { wide: true });
  const load = () =>
    attempt(place, async () => {
      const { body, etag } = await call("GET", linkPath(link.code));
      content.append(editForm(body, etag, tagNames, window_.close));
      content.querySelector("input").focus();
    }, { retry: load });
  load();
  return window_.closed;
}

function editForm(link, etag, tagNames, close) {
  let seen = { link, etag };
  const { alias, ...fields } = linkFields(tagNames);
  const differences = el("div", { role: "alert" });
  const place = el("div", { class: "place" });
  const save = el("button", { class: "primary" }, say("save"));
  const cancel = el("button", { type: "button", on: { click: () => close() } }, say("cancel"));
  const form = el(
    "form",
    { novalidate: true },
    el("div", { class: "columns" }, Object.values(fields).map((each) => each.element)),
    differences,
    place,
    el("div", { class: "buttons" }, cancel, save),
  );
  fields.url.element.classList.add("wide");
  for (const [name, each] of Object.entries(fields)) each.set(link[name]);

  const send = async () => {
    const json = changes(fields, seen.link);
    if (Object.keys(json).length === 0) return close(seen.link);
    const headers = { "Content-Type": "application/merge-patch+json", "If-Match": seen.etag };
    try {
      const { body } = await call("PATCH", linkPath(link.code), { json, headers });
      return close(body);
    } catch (error) {
      if (error.status !== 412) throw error;
      const now = await call("GET", linkPath(link.code));
      showDifferences(differences, fields, seen.link, now.body);
      seen = { link: now.body, etag: now.etag };
      save.textContent = say("save_anyway");
      return undefined;
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isBusy(save)) return undefined;
    if (!checkFields(fields)) return focusFirstError(form);
    return attempt(place, () => beside(send, fields, form), { busy: [save] });
  });
  return form;
}

function changes(fields, link) {
  const found = {};
  for (const [name, each] of Object.entries(fields)) {
    const value = each.get();
    if (!equal(value, link[name])) found[name] = value;
  }
  return found;
}

/** Show what is new; a field that was not touched takes it over, one that was keeps its input. */
function showDifferences(place, fields, before, now) {
  const told = [];
  for (const [name, each] of Object.entries(fields)) {
    if (equal(before[name], now[name])) continue;
    const touched = !equal(each.get(), before[name]) && !equal(each.get(), now[name]);
    if (!touched) each.set(now[name]);
    told.push(difference(name, each, now[name], touched));
  }
  if (!told.length) told.push(el("li", {}, say("changed_elsewhere.else")));
  fill(place, el("div", { class: "problem" }, el("p", {}, say("changed_elsewhere")), el("ul", {}, told)));
}

function difference(name, each, value, touched) {
  const label = el("strong", {}, say(`field.${name}`), ": ");
  const theirs = el("span", { dir: "auto" }, shown(name, value));
  if (!touched) return el("li", {}, label, theirs, " ", el("small", {}, say("changed_elsewhere.taken")));
  const take = el("button", { type: "button", class: "plain" }, say("changed_elsewhere.take"));
  const item = el("li", {}, label, theirs, " ", el("small", {}, say("changed_elsewhere.kept")), " ", take);
  take.addEventListener("click", () => {
    each.set(value);
    take.remove();
    each.input.focus();
  });
  return item;
}

function shown(name, value) {
  if (value === null || value.length === 0) return say("nothing");
  if (name.endsWith("_at")) return moment(value);
  if (name === "tags") return value.join(", ");
  if (name === "forward_query") return say(value ? "yes" : "no");
  return name === "rules" ? JSON.stringify(value) : String(value);
}

const equal = (one, other) => canonical(one) === canonical(other);

function canonical(value) {
  // The order in which conditions are named means nothing.
  return JSON.stringify(value ?? null, (_, part) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).filter(([, each]) => each !== null).sort())
      : part,
  );
}
