/** Log in and sign up: as a view, and as a window over what somebody was doing. */

import { call } from "./api.js";
import { openDialog } from "./dialog.js";
import { el } from "./elements.js";
import { field, focusFirstError, passwordField } from "./fields.js";
import { attempt, explain, isBusy } from "./problems.js";
import { address } from "./router.js";
import * as session from "./session.js";
import { say } from "./words.js";

const SHORTEST_PASSWORD = 6;
let lastEmail = "";

/** Show the view; `isNew` for who has no account yet. */
export function showLogin(outlet, isNew) {
  const other = isNew
    ? [say("have_account"), " ", el("a", { href: address(["login"]) }, say("log_in"))]
    : [say("no_account"), " ", el("a", { href: address(["signup"]) }, say("sign_up"))];
  outlet.append(
    el(
      "div",
      { class: "narrow card" },
      el("h1", { tabindex: "-1" }, say(isNew ? "sign_up" : "log_in")),
      el("p", { class: "soft" }, say(isNew ? "sign_up.why" : "log_in.why")),
      form(isNew, () => {}), // main.js goes on when somebody has logged in
      el("p", {}, ...other),
    ),
  );
}

/** Ask who was logged in to do so again, over the page as it is; resolves with whether they did. */
export async function logInAgain() {
  const before = session.lastUser();
  const content = el("div", {}, el("p", {}, say("log_in.again")));
  const window_ = openDialog(say("log_in"), content);
  content.append(form(false, () => window_.close(true)));
  content.querySelector("input").focus();
  const done = Boolean(await window_.closed);
  if (!done) return false;
  // What lies open belongs to somebody else.
  if (before && session.user() !== before) location.reload();
  return true;
}

function form(isNew, done) {
  const email = field(say("email"), {
    type: "email", name: "email", required: true, maxlength: 254, autocomplete: "username", value: lastEmail, dir: "ltr",
  });
  const username = field(
    say("username"),
    { name: "username", autocomplete: "nickname", maxlength: 64, dir: "auto" },
    { optional: true, hint: say("username.hint") },
  );
  const password = passwordField(
    say("password"),
    { name: "password", autocomplete: isNew ? "new-password" : "current-password" },
    { hint: isNew ? say("password.hint") : null },
  );
  const button = el("button", { class: "primary" }, say(isNew ? "sign_up" : "log_in"));
  const place = el("div", { class: "place" });
  const fields = { email, username, password };
  const element = el(
    "form",
    { novalidate: true },
    email.element,
    isNew && username.element,
    password.element,
    place,
    el("div", { class: "buttons" }, button),
  );
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isBusy(button) || !check(fields, isNew)) return focusFirstError(element);
    lastEmail = email.value().trim();
    return attempt(place, () => send(fields, isNew, done), { busy: [button] });
  });
  return element;
}

function check({ email, username, password }, isNew) {
  const wrong = [];
  if (!email.value().trim()) wrong.push([email, "needed"]);
  else if (!email.input.validity.valid) wrong.push([email, "email.wrong"]);
  if (!password.value()) wrong.push([password, "needed"]);
  else if (isNew && password.value().length < SHORTEST_PASSWORD) wrong.push([password, "password.hint"]);
  const name = username.value().trim();
  if (isNew && name && name.length < 3) wrong.push([username, "username.hint"]);
  for (const [each, key] of wrong) each.fail(say(key));
  return wrong.length === 0;
}

async function send(fields, isNew, done) {
  const json = { email: fields.email.value().trim(), password: fields.password.value() };
  const name = fields.username.value().trim();
  if (isNew && name) json.username = name;
  try {
    const { body } = await call("POST", isNew ? "/api/signup" : "/api/login", { json, open: true });
    session.logIn(body.token);
    done();
  } catch (error) {
    const beside = { EMAIL_EXISTS: "email", USERNAME_EXISTS: "username", INVALID_CREDENTIALS: "password" }[error.code];
    if (!beside) throw error;
    fields[beside].fail(explain(error));
    fields[beside].input.focus();
  }
}
