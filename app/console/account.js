/** One's account: who one is, the password, the end of sessions, the end of the account. */

import { call } from "./api.js";
import { confirm } from "./dialog.js";
import { el, fill } from "./elements.js";
import { choice, field, focusFirstError, passwordField, tick } from "./fields.js";
import { attempt, explain, isBusy } from "./problems.js";
import * as session from "./session.js";
import { toast } from "./toasts.js";
import { day, say } from "./words.js";

const SHORTEST_PASSWORD = 6;

/** Show the view. */
export async function showAccount(outlet, { signal }) {
  const about = el("dl", { class: "about-account" });
  const place = el("div", { class: "place" });
  const load = () => attempt(place, async () => {
    const { body } = await call("GET", "/api/account", { signal });
    fill(about, told(body.account));
  }, { retry: load });
  outlet.append(
    el("h1", { tabindex: "-1" }, say("nav.account")),
    el("section", {}, about, place),
    passwordForm(),
    sessions(),
    deletion(),
  );
  load();
}

function told(account) {
  const rows = [["email", account.email], ["username", account.username], ["member_since", account.created_at && day(account.created_at)]];
  return rows.filter(([, value]) => value).map(([name, value]) => [el("dt", {}, say(name)), el("dd", { dir: "auto" }, value)]);
}

function form(title, label, parts, check, send, kind = "primary") {
  const place = el("div", { class: "place" });
  const button = el("button", { class: kind }, label);
  const element = el(
    "form",
    { class: "card", novalidate: true, "aria-label": title },
    el("h2", {}, title),
    ...parts,
    place,
    el("div", { class: "buttons" }, button),
  );
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isBusy(button)) return undefined;
    if (!check()) return focusFirstError(element);
    return attempt(place, () => send(element), { busy: [button] });
  });
  return element;
}

/** Do something that needs the password: a wrong one is told beside its field. */
async function withPassword(made, task) {
  try {
    return await task();
  } catch (error) {
    if (!["INVALID_CREDENTIALS", "WRONG_PASSWORD"].includes(error.code)) throw error;
    made.fail(say("password.wrong"));
    made.input.focus();
    return null;
  }
}

function needed(made) {
  if (made.value()) return true;
  made.fail(say("needed"));
  return false;
}

function passwordForm() {
  const current = passwordField(say("password.current"), { autocomplete: "current-password" });
  const next = passwordField(say("password.new"), { autocomplete: "new-password" }, { hint: say("password.hint") });
  const check = () => {
    const long = next.value().length >= SHORTEST_PASSWORD;
    if (!long) next.fail(say("password.hint"));
    return needed(current) && long;
  };
  const send = (element) =>
    withPassword(current, async () => {
      const json = { current_password: current.value(), new_password: next.value() };
      const { body } = await call("POST", "/api/account/password", { json });
      session.logIn(body.token);
      element.reset();
      toast(say("password.changed"));
    });
  return form(say("password.change"), say("password.change"), [el("p", { class: "soft" }, say("password.change.hint")), current.element, next.element], check, send);
}

function sessions() {
  const keys = tick(say("log_out.keys"));
  const send = async () => {
    if (!(await confirm(say("log_out.everywhere"), say("log_out.everywhere.sure"), say("log_out.everywhere")))) return;
    await call("POST", "/api/account/logout-everywhere", { json: { keys: keys.input.checked } });
    session.logOut();
  };
  const parts = [el("p", { class: "soft" }, say("log_out.everywhere.hint")), keys.element];
  return form(say("log_out.everywhere"), say("log_out.everywhere"), parts, () => true, send, "");
}

function deletion() {
  const links = field(say("account.links"), choice({}, [["keep", say("account.links.keep")], ["disable", say("account.links.disable")]], "keep"));
  const password = passwordField(say("password"), { autocomplete: "current-password" });
  const send = async () => {
    if (!(await confirm(say("account.delete"), say("account.delete.sure"), say("account.delete")))) return;
    await withPassword(password, async () => {
      await call("DELETE", "/api/account", { json: { password: password.value(), links: links.value() } });
      session.logOut();
      toast(say("account.deleted"));
    });
  };
  const parts = [el("p", { class: "soft" }, say("account.delete.hint")), links.element, password.element];
  return form(say("account.delete"), say("account.delete"), parts, () => needed(password), send, "danger");
}
