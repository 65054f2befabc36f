/** The form by which a link is made. */

import { call, linkPath } from "./api.js";
import { copy } from "./clipboard.js";
import { el, fill, outward } from "./elements.js";
import { focusFirstError } from "./fields.js";
import { icon } from "./icons.js";
import { checkFields, failBeside, linkFields } from "./link-fields.js";
import { shortened } from "./link-row.js";
import { attempt, isBusy } from "./problems.js";
import { say } from "./words.js";

/** Make the form; `made` is called with each new link, `tagNames` returns what tags there are. */
export function newLinkForm(made, tagNames) {
  const place = el("div", { class: "place" });
  const result = el("div", { class: "result", "aria-live": "polite" });
  const button = el("button", { class: "primary" }, say("shorten"));
  const form = el("form", { class: "card new", novalidate: true, "aria-label": say("shorten") });
  let fields;
  let repeating = { content: null, key: null };

  const clear = () => {
    const open = form.querySelector("details")?.open ?? false;
    fields = linkFields(tagNames());
    const { url, ...more } = fields;
    fill(
      form,
      el("div", { class: "first" }, url.element, button),
      el("details", { open }, el("summary", {}, say("more_fields")), el("div", { class: "columns" }, Object.values(more).map((each) => each.element))),
      place,
    );
  };
  const send = async () => {
    const json = given(fields);
    const content = JSON.stringify(json);
    // The same link sent again after an answer was lost must not be made twice.
    if (repeating.content !== content) repeating = { content, key: crypto.randomUUID?.() ?? String(Math.random()) };
    const { status, body } = await call("POST", "/api/", { json, headers: { "Idempotency-Key": repeating.key } });
    const link = body.link ?? (await call("GET", linkPath(body.short_code))).body;
    repeating = { content: null, key: null };
    clear();
    made(link);
    show(result, link, status === 200);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isBusy(button)) return undefined;
    if (!checkFields(fields)) return focusFirstError(form);
    return attempt(place, () => beside(send, fields, form), { busy: [button] });
  });
  clear();
  return el("section", { "aria-label": say("shorten") }, form, result);
}

/** Run a task; what it is refused for is shown beside the field it is about, if there is one. */
export async function beside(task, fields, form) {
  try {
    await task();
  } catch (error) {
    if (!failBeside(fields, error)) throw error;
    focusFirstError(form);
  }
}

/** Return what was given, as the API takes it: what is empty is left out. */
function given(fields) {
  const read = Object.entries(fields).map(([name, each]) => [name, each.get()]);
  return Object.fromEntries(read.filter(([, value]) => value !== null && value.length !== 0));
}

function show(result, link, known) {
  const take = el("button", { type: "button", class: "primary", on: { click: () => copy(link.short_url) } }, icon("copy"), say("copy"));
  fill(
    result,
    el(
      "div",
      { class: "card made" },
      el("p", {}, say(known ? "known_link" : "made_link")),
      el("p", { class: "short" }, outward(link.short_url, { dir: "ltr" }, shortened(link.short_url))),
      el(
        "div",
        { class: "buttons" },
        take,
        el("button", { type: "button", on: { click: async () => (await import("./qr.js")).showQrCode(link) } }, icon("qr"), say("qr")),
        el("button", { type: "button", class: "quiet", "aria-label": say("close"), on: { click: () => fill(result) } }, icon("close")),
      ),
    ),
  );
  // What one does next; the form that had the focus is a new one.
  take.focus();
}
