/** What a person is told when something was not done, in one place or beside a field. */

import { el, fill } from "./elements.js";
import { has, say, soon } from "./words.js";

/** Milliseconds after which a person is told that it goes on. */
const SLOW = 3_000;

/** Return a sentence for people. */
export function explain(error) {
  const wait = error.retryAfter ? soon(error.retryAfter) : say("later");
  if (error.kind !== "http") return say(has(`problem.${error.kind}`) ? `problem.${error.kind}` : "problem.page");
  for (const key of [`problem.${error.code}`, `problem.${error.status}`]) {
    if (has(key)) return say(key, { wait });
  }
  return say(error.status >= 500 ? "problem.500" : "problem.400", { wait });
}

/** Return the service's own reason for a refusal, in the reader's language where it is known. */
export function reason(error) {
  if (!error.details) return null;
  const key = `reason.${error.details.replace(/^rules\[\d+\]\.url: /, "")}`;
  if (has(key)) return el("span", { class: "details" }, say(key));
  return el("span", { class: "details", lang: "en", dir: "ltr" }, error.details);
}

/** Return an element that says what was not done, and how to go on. */
export function problem(error, retry = null) {
  if (error.kind === undefined) console.error(error);
  return el(
    "div",
    { class: "problem", role: "alert" },
    el("p", {}, explain(error), " ", reason(error)),
    retry && el("p", {}, el("button", { type: "button", class: "plain", on: { click: retry } }, say("try_again"))),
    error.requestId && el("p", { class: "request" }, say("request"), " ", el("code", {}, error.requestId)),
  );
}

/** Run a task that shows what went wrong in `place`; tell whether it was done. */
export async function attempt(place, task, { busy = [], retry = null } = {}) {
  const waiting = el("p", { class: "waiting", role: "status" }, say("still_waiting"));
  fill(place);
  const slow = setTimeout(() => fill(place, waiting), SLOW);
  for (const each of busy) setBusy(each, true);
  try {
    await task();
    return true;
  } catch (error) {
    fill(place);
    if (error.name !== "AbortError") fill(place, problem(error, retry));
    return false;
  } finally {
    clearTimeout(slow);
    waiting.remove();
    for (const each of busy) setBusy(each, false);
  }
}

/** Let a button be pressed once: it keeps its focus, and says that it works. */
export function setBusy(button, busy) {
  if (busy) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
  button.classList.toggle("busy", busy);
}

/** Tell whether a button is still at its work. */
export const isBusy = (button) => button.getAttribute("aria-disabled") === "true";
