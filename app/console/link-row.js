/** One link of the list, and what can be done with it. */

import { call, linkPath } from "./api.js";
import { copy } from "./clipboard.js";
import { el, fill, newId, outward } from "./elements.js";
import { icon } from "./icons.js";
import { attempt, isBusy } from "./problems.js";
import { address } from "./router.js";
import { toast } from "./toasts.js";
import { day, moment, say, sayCount } from "./words.js";

/** Make the row of a link; `list` is told of what changes. */
export function linkRow(link, list) {
  const place = el("div", { class: "place" });
  const row = el("li", { class: `link ${link.state}`, "data-code": link.code });
  fill(
    row,
    el(
      "div",
      { class: "about" },
      el("h2", { dir: "auto" }, link.title ?? link.code, link.blocked && badge("blocked"), link.state !== "active" && badge(link.state)),
      el(
        "p",
        { class: "short" },
        outward(link.short_url, { dir: "ltr" }, shortened(link.short_url)),
        action("copy", "copy", link, () => copy(link.short_url)),
      ),
      el("p", { class: "target" }, ...leadsTo(), outward(link.url, { dir: "ltr", title: link.url })),
      link.tags.length > 0 && tags(link.tags),
      facts(link),
    ),
    actions(link, row, list, place),
    place,
  );
  return row;
}

/** Return an arrow, and what it means for who cannot see it. */
export function leadsTo() {
  return [el("span", { class: "soft", "aria-hidden": "true" }, "→ "), el("span", { class: "unseen" }, say("leads_to"), " ")];
}

/** Return an address as people read it: without its scheme. */
export const shortened = (url) => url.replace(/^https?:\/\//, "");

function badge(state) {
  return el("span", { class: `badge ${state}` }, say(`state.${state}`));
}

function tags(names) {
  return el(
    "ul",
    { class: "tags", "aria-label": say("tags") },
    names.map((name) => el("li", {}, el("a", { href: address(["links"], { tag: name }), dir: "auto" }, name))),
  );
}

function facts(link) {
  const told = [sayCount("visits", link.visits)];
  if (link.blocked) told.push(say("blocked_why"));
  if (link.bots) told.push(sayCount("bots", link.bots));
  if (link.max_visits) told.push(sayCount("of_at_most", link.max_visits));
  if (link.created_at) told.push(say("made_on", { day: day(link.created_at) }));
  if (link.last_visit_at) told.push(say("last_visit_at", { moment: moment(link.last_visit_at) }));
  if (link.state === "scheduled") told.push(say("starts_at", { moment: moment(link.starts_at) }));
  if (link.expires_at) told.push(say("expires_at", { moment: moment(link.expires_at) }));
  return el("ul", { class: "facts" }, told.map((each) => el("li", {}, each)));
}

function actions(link, row, list, place) {
  const change = (does, focus) => () => act(place, row, () => set(link, row, list, does, focus));
  const running = link.state !== "disabled" && link.state !== "deleted";
  return el(
    "div",
    { class: "actions", role: "group", "aria-label": say("actions_of", { name: link.title ?? link.code }) },
    running && action("qr", "qr", link, async () => (await import("./qr.js")).showQrCode(link)),
    el(
      "a",
      { class: "quiet", href: address(["links", link.code]), "aria-label": say("statistics_of", { name: link.title ?? link.code }), title: say("statistics") },
      icon("chart"),
    ),
    link.state !== "deleted" &&
      action("edit", "edit", link, async () => {
        const changed = await (await import("./link-edit.js")).editLink(link, list.tagNames);
        if (changed) list.replace(row, changed, { focus: "edit" });
      }),
    running && action("disable", "pause", link, change("disable", "enable")),
    link.state === "disabled" && action("enable", "play", link, change("enable", "disable")),
    link.state === "deleted"
      ? action("restore", "restore", link, change("enable", "edit"))
      : action("delete", "remove", link, () => act(place, row, () => remove(link, row, list))),
  );
}

function action(does, picture, link, run) {
  const name = link.title ?? link.code;
  return el(
    "button",
    { type: "button", class: "quiet", "data-does": does, "aria-label": say(`${does}_of`, { name }), title: say(does), on: { click: run } },
    icon(picture),
  );
}

function act(place, row, task) {
  const buttons = [...row.querySelectorAll(".actions button")];
  if (buttons.some(isBusy)) return undefined;
  return attempt(place, task, { busy: buttons });
}

async function set(link, row, list, does, focus) {
  const { body } = await call("POST", linkPath(link.code, `/${does}`));
  list.replace(row, body, { focus });
  toast(say(`${does}d`, { name: link.title ?? link.code }));
}

async function remove(link, row, list) {
  await call("DELETE", linkPath(link.code));
  const text = say("deleted", { name: link.title ?? link.code });
  const place = el("div", { class: "place" });
  const id = newId("deleted");
  const button = el("button", { type: "button", class: "plain", "data-does": "undo", "aria-describedby": id }, say("undo"));
  const gone = el("li", { class: "gone" }, el("p", { dir: "auto", id }, text), button, place);
  button.addEventListener("click", () => {
    if (!isBusy(button)) attempt(place, () => restore(link, gone, list), { busy: [button] });
  });
  row.replaceWith(gone);
  button.focus();
}

async function restore(link, gone, list) {
  const { body } = await call("POST", linkPath(link.code, "/enable"));
  list.replace(gone, body, { focus: "edit" });
  toast(say("restored", { name: link.title ?? link.code }));
}
