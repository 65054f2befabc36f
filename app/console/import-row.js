/** One import of the list: how far it is, and what was refused in it. */

import { call } from "./api.js";
import { el } from "./elements.js";
import { attempt, isBusy } from "./problems.js";
import { moment, number, say, size } from "./words.js";

const PAGE = 100;

/** Make the row; `changed` is called when the import was given up. */
export function importRow(found, changed) {
  const place = el("div", { class: "place" });
  const open = found.state === "open";
  return el(
    "li",
    { class: "import" },
    el("p", { class: "name", dir: "auto" }, found.name ?? say("import.unnamed"), el("span", { class: `badge ${open ? "scheduled" : "active"}` }, say(`import.${found.state}`))),
    el(
      "ul",
      { class: "facts" },
      [
        moment(found.created_at),
        say("import.sent", { sent: size(found.offset), of: size(found.size) }),
        say("import.links", { n: number(found.links) }),
        found.unchanged > 0 && say("import.unchanged", { n: number(found.unchanged) }),
        found.refused > 0 && say("import.refused", { n: number(found.refused) }),
      ].filter(Boolean).map((each) => el("li", {}, each)),
    ),
    open && el("p", { class: "hint" }, say("import.go_on")),
    found.refused > 0 && refusals(found),
    place,
    open && giveUp(found, place, changed),
  );
}

function giveUp(found, place, changed) {
  const button = el("button", { type: "button", class: "plain" }, say("import.give_up"));
  button.addEventListener("click", async () => {
    if (isBusy(button)) return;
    const path = `/api/imports/${encodeURIComponent(found.id)}`;
    if (await attempt(place, () => call("DELETE", path), { busy: [button] })) changed();
  });
  return button;
}

function refusals(found) {
  const place = el("div", { class: "place" });
  const rows = el("tbody", {});
  const more = el("button", { type: "button", class: "plain", hidden: true }, say("more"));
  const heads = ["line", "code", "reason"].map((name) => el("th", { scope: "col" }, say(`refusal.${name}`)));
  const details = el(
    "details",
    {},
    el("summary", {}, say("import.see_refused")),
    el("div", { class: "scrolled" }, el("table", {}, el("thead", {}, el("tr", {}, heads)), rows)),
    place,
    more,
  );
  let after = 0;
  const load = () => attempt(place, async () => {
    const path = `/api/imports/${encodeURIComponent(found.id)}/refusals?after=${after}&limit=${PAGE}`;
    const { body } = await call("GET", path);
    rows.append(...body.refusals.map(refusal));
    after = body.next_after;
    more.hidden = after === null;
  }, { busy: [more], retry: load });
  more.addEventListener("click", () => !isBusy(more) && load());
  details.addEventListener("toggle", () => details.open && !rows.firstChild && load(), { once: true });
  return details;
}

function refusal({ line, code, reason }) {
  return el("tr", {}, el("td", {}, number(line)), el("td", { dir: "ltr" }, code ?? ""), el("td", { lang: "en", dir: "ltr" }, reason));
}
