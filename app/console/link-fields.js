/** What can be set of a link, as fields: for a new one and for one that is changed. */

import { choice, field } from "./fields.js";
import { explain, reason } from "./problems.js";
import { rulesField } from "./rules-field.js";
import { tagsField } from "./tags-field.js";
import { say, zone } from "./words.js";

const STATUSES = ["301", "302", "307", "308"];
const ALIAS = /^[A-Za-z0-9_-]{3,64}$/;
const MOST_VISITS = 2 ** 53 - 1;
/** By the error's code: the field that it is about. */
const BESIDE = {
  ALIAS_TAKEN: "alias",
  INVALID_ALIAS: "alias",
  RESERVED_WORD: "alias",
  INVALID_URL: "url",
  TARGET_BLOCKED: "url",
  TARGET_TAKEN: "url",
};

/**
 * Make the fields, by their names in the API. Each has element, get, set, check (returns whether it
 * can be sent, and says beside the field what is wrong), fail and clear.
 */
export function linkFields(tagNames) {
  return {
    url: urlField(),
    alias: aliasField(),
    title: textField(say("title_of_link"), { maxlength: 256, dir: "auto", name: "title", autocomplete: "off" }),
    tags: tagsField(tagNames),
    starts_at: momentField(say("starts"), "starts_at"),
    expires_at: momentField(say("expires"), "expires_at"),
    max_visits: countField(),
    redirect_status: statusField(),
    forward_query: forwardField(),
    rules: rulesField(),
  };
}

/** Check all fields; tell whether they can be sent. */
export function checkFields(fields) {
  const sound = Object.values(fields).map((each) => each.check());
  const { starts_at: starts, expires_at: expires } = fields;
  if (starts.get() && expires.get() && new Date(expires.get()) <= new Date(starts.get())) {
    expires.fail(say("expires.before"));
    return false;
  }
  return sound.every(Boolean);
}

/** Show a refusal beside the field it is about; tell whether there was one. */
export function failBeside(fields, error) {
  const found = fields[fieldOf(error)];
  if (error.kind !== "http" || !found) return false;
  found.fail(explain(error), " ", reason(error));
  return true;
}

function fieldOf(error) {
  const details = error.details ?? "";
  if (details.startsWith("rules[")) return "rules";
  if (error.code !== "INVALID_LINK") return BESIDE[error.code];
  return /^(title|starts_at|expires_at|max_visits|redirect_status|forward_query|rules)/.exec(details)?.[1] ??
    (/tags?\b/.test(details) ? "tags" : /rules/.test(details) ? "rules" : undefined);
}

function plain(made, more) {
  const { element, input, fail, clear } = made;
  return {
    element,
    input,
    fail,
    clear,
    get: () => input.value.trim() || null,
    set: (value) => {
      input.value = value ?? "";
    },
    check: () => true,
    ...more,
  };
}

function textField(label, attributes, more = {}) {
  return plain(field(label, attributes, { optional: true, ...more }));
}

function urlField() {
  const made = field(
    say("target"),
    { name: "url", inputmode: "url", maxlength: 8192, autocomplete: "off", autocapitalize: "off", spellcheck: "false", dir: "ltr", placeholder: "https://", required: true },
  );
  const check = () => {
    if (made.value().trim()) return true;
    made.fail(say("target.needed"));
    return false;
  };
  return plain(made, { check });
}

function aliasField() {
  const made = field(
    say("alias"),
    { name: "alias", maxlength: 64, autocomplete: "off", autocapitalize: "off", spellcheck: "false", dir: "ltr" },
    { optional: true, hint: say("alias.hint") },
  );
  const check = () => {
    const alias = made.value().trim();
    if (!alias || ALIAS.test(alias)) return true;
    made.fail(say("alias.hint"));
    return false;
  };
  return plain(made, { check });
}

function momentField(label, name) {
  const hint = say("moment.hint", { zone: zone.replaceAll("_", " ") });
  const made = field(label, { type: "datetime-local", name, max: "9999-12-31T23:59" }, { optional: true, hint });
  let kept = null;
  const get = () => {
    if (made.value() === localText(kept)) return kept;
    return made.value() ? new Date(made.value()).toISOString() : null;
  };
  const set = (value) => {
    kept = value ?? null;
    made.input.value = localText(kept);
  };
  const check = () => {
    if (made.value() && made.value() === localText(kept)) return true; // the end of 9999 may be past `max` here
    if (!made.input.validity.badInput && made.input.validity.valid) return true;
    made.fail(say("moment.wrong"));
    return false;
  };
  return plain(made, { get, set, check });
}

/** Return a moment as the field shows it: in the reader's zone, to the minute. */
function localText(text) {
  if (!text) return "";
  const at = new Date(text);
  const pad = (value, length = 2) => String(value).padStart(length, "0");
  const date = `${pad(at.getFullYear(), 4)}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${date}T${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

function countField() {
  const made = field(
    say("max_visits"),
    { name: "max_visits", inputmode: "numeric", autocomplete: "off", maxlength: 16, dir: "ltr" },
    { optional: true, hint: say("max_visits.hint") },
  );
  const get = () => (made.value().trim() ? Number(made.value().trim()) : null);
  const check = () => {
    const count = get();
    if (count === null || (Number.isInteger(count) && count >= 1 && count <= MOST_VISITS)) return true;
    made.fail(say("max_visits.wrong"));
    return false;
  };
  return plain(made, { get, check });
}

function statusField() {
  const options = [["", say("as_the_service")], ...STATUSES.map((each) => [each, say(`redirect_status.${each}`)])];
  const made = field(say("redirect_status"), choice({ name: "redirect_status" }, options), { optional: true });
  return plain(made, { get: () => (made.value() ? Number(made.value()) : null) });
}

function forwardField() {
  const options = [["", say("as_the_service")], ["true", say("yes")], ["false", say("no")]];
  const made = field(
    say("forward_query"),
    choice({ name: "forward_query" }, options),
    { optional: true, hint: say("forward_query.hint") },
  );
  const get = () => ({ true: true, false: false })[made.value()] ?? null;
  const set = (value) => {
    made.input.value = value === null || value === undefined ? "" : String(value);
  };
  return plain(made, { get, set });
}
