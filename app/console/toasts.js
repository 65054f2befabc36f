/** Short messages at the foot of the page, read out by screen readers; one at a time. */

import { el, fill } from "./elements.js";
import { icon } from "./icons.js";
import { say } from "./words.js";

const region = document.getElementById("toasts");

/**
 * Say something; an action is {label, run}. It stays until it is closed or the next one comes: who
 * reads slowly has the time to undo.
 */
export function toast(text, action = null) {
  const shown = el(
    "div",
    { class: "toast" },
    el("span", { dir: "auto" }, text),
    action && el("button", { type: "button", class: "plain", on: { click: () => act(shown, action) } }, action.label),
    el("button", { type: "button", class: "quiet", "aria-label": say("close"), on: { click: () => shown.remove() } }, icon("close")),
  );
  fill(region, shown);
}

/** Say it where it can be seen and heard: what lies under an open window is neither. */
export function moveToasts() {
  const windows = document.querySelectorAll("dialog[open]");
  (windows[windows.length - 1] ?? document.body).append(region);
}

/** Take away what is said. */
export function clearToasts() {
  fill(region);
}

function act(shown, action) {
  shown.remove();
  action.run();
}
