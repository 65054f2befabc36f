/** API keys: make one, which is shown once, see when they were used, revoke them. */

import { call } from "./api.js";
import { copyFrom } from "./clipboard.js";
import { confirm, openDialog } from "./dialog.js";
import { el, fill } from "./elements.js";
import { choice, field, focusFirstError, tick } from "./fields.js";
import { icon } from "./icons.js";
import { attempt, explain, isBusy } from "./problems.js";
import { toast } from "./toasts.js";
import { day, moment, say } from "./words.js";

const SCOPES = ["links:read", "links:write", "statistics:read"];
const DAYS = ["", "7", "30", "90", "365"];
const DAY = 86_400_000;

/** Show the view. */
export async function showKeys(outlet, { signal }) {
  const place = el("div", { class: "place" });
  const list = el("ul", { class: "plain-list", "aria-label": say("nav.keys") });
  const load = () => attempt(place, async () => {
    const { body } = await call("GET", "/api/keys", { signal });
    fill(list, body.keys.map((key) => row(key, load)));
    if (!body.keys.length) fill(place, el("div", { class: "empty" }, el("h2", {}, say("keys.none")), el("p", {}, say("keys.none.hint"))));
  }, { retry: load });
  outlet.append(
    el("h1", { tabindex: "-1" }, say("nav.keys")),
    el("p", { class: "soft" }, say("keys.why")),
    await keyForm(load, signal),
    place,
    list,
  );
  load();
}

function row(key, changed) {
  const place = el("div", { class: "place" });
  const button = el("button", { type: "button", class: "danger" }, say("revoke"));
  button.setAttribute("aria-label", say("revoke_of", { name: key.name }));
  button.addEventListener("click", async () => {
    if (isBusy(button) || !(await confirm(say("revoke_of", { name: key.name }), say("revoke.sure"), say("revoke")))) return;
    const done = await attempt(place, () => call("DELETE", `/api/keys/${encodeURIComponent(key.id)}`), { busy: [button] });
    if (!done) return;
    toast(say("revoked", { name: key.name }));
    await changed();
    document.querySelector("h1").focus();
  });
  const facts = [
    say("made_on", { day: day(key.created_at) }),
    key.last_used_at ? say("used_at", { moment: moment(key.last_used_at) }) : say("never_used"),
    key.expires_at && say("expires_at", { moment: moment(key.expires_at) }),
    key.tag && say("only_tag", { tag: key.tag }),
  ].filter(Boolean);
  return el(
    "li",
    { class: "card" },
    el("h2", { dir: "auto" }, key.name),
    el("p", {}, el("code", {}, `${key.prefix}…`)),
    el("p", {}, key.scopes.map((scope) => say(`scope.${scope}`)).join(" · ")),
    el("ul", { class: "facts" }, facts.map((each) => el("li", { dir: "auto" }, each))),
    place,
    el("div", { class: "buttons" }, button),
  );
}

async function keyForm(changed, signal) {
  const name = field(say("keys.name"), { name: "name", required: true, maxlength: 100, dir: "auto", autocomplete: "off" }, { hint: say("keys.name.hint") });
  const scopes = SCOPES.map((scope) => ({ scope, ...tick(say(`scope.${scope}`), { checked: scope === "links:read" }) }));
  const scopeError = el("p", { class: "error", role: "alert" });
  const expiry = field(say("expires"), choice({}, DAYS.map((days) => [days, say(`keys.expiry.${days || "never"}`)])));
  const tag = field(say("keys.tag"), choice({}, [["", say("tag.all")]]), { hint: say("keys.tag.hint") });
  offerTags(tag.input, signal);
  const button = el("button", { class: "primary" }, say("keys.make"));
  const place = el("div", { class: "place" });
  const form = el(
    "form",
    { class: "card", novalidate: true, "aria-label": say("keys.make") },
    el("h2", {}, say("keys.make")),
    name.element,
    el("fieldset", { class: "field" }, el("legend", {}, say("scopes")), scopes.map((each) => each.element), scopeError),
    el("div", { class: "columns" }, expiry.element, tag.element),
    place,
    el("div", { class: "buttons" }, button),
  );
  const send = async () => {
    const json = { name: name.value().trim(), scopes: scopes.filter((each) => each.input.checked).map((each) => each.scope) };
    if (expiry.value()) json.expires_at = new Date(Date.now() + Number(expiry.value()) * DAY).toISOString();
    if (tag.value()) json.tag = tag.value();
    const { body } = await call("POST", "/api/keys", { json });
    form.reset();
    await showSecret(body.key.name, body.secret);
    changed();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    fill(scopeError);
    if (isBusy(button)) return undefined;
    if (!name.value().trim()) name.fail(say("needed"));
    if (!scopes.some((each) => each.input.checked)) fill(scopeError, say("scopes.needed"));
    if (focusFirstError(form) || scopeError.textContent) return undefined;
    return attempt(place, async () => {
      try {
        await send();
      } catch (error) {
        if (!(error.details ?? "").startsWith("the name")) throw error;
        name.fail(explain(error));
        focusFirstError(form);
      }
    }, { busy: [button] });
  });
  return form;
}

/** Show a secret; resolves when the window is closed, and then it is nowhere any more. */
function showSecret(name, secret) {
  const shown = el("input", { readonly: true, value: secret, "aria-label": say("secret"), class: "secret", dir: "ltr", on: { focus: (event) => event.target.select() } });
  const { closed } = openDialog(
    say("secret_of", { name }),
    el(
      "div",
      {},
      el("p", {}, say("secret.once")),
      shown,
      el("div", { class: "buttons" }, el("button", { type: "button", class: "primary", autofocus: true, on: { click: () => copyFrom(shown) } }, icon("copy"), say("copy"))),
    ),
  );
  return closed;
}

async function offerTags(select, signal) {
  try {
    const { body } = await call("GET", "/api/tags", { signal });
    select.append(...body.tags.map((each) => el("option", { value: each.name }, each.name)));
  } catch {
    // A key without a tag can be made all the same.
  }
}
