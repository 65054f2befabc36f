/** Windows over the page: focus goes in, stays in, and comes back (the browser's own <dialog>). */

import { el, newId } from "./elements.js";
import { icon } from "./icons.js";
import { moveToasts } from "./toasts.js";
import { say } from "./words.js";

/**
 * Open a window; return {element, close, closed}. `closed` resolves with what close was given, or
 * null when it was left by Escape or its button.
 */
export function openDialog(title, content, { wide = false } = {}) {
  const heading = newId("dialog");
  const before = document.activeElement;
  const element = el(
    "dialog",
    { "aria-labelledby": heading, class: wide ? "wide" : "" },
    el(
      "header",
      {},
      el("h2", { id: heading, tabindex: "-1" }, title),
      el("button", { type: "button", class: "quiet", "aria-label": say("close"), on: { click: () => element.close() } }, icon("close")),
    ),
    content,
  );
  let result = null;
  const closed = new Promise((resolve) => {
    element.addEventListener("close", () => {
      moveToasts();
      element.remove();
      comeBack(before);
      resolve(result);
    });
  });
  const close = (given = null) => {
    result = given;
    element.close();
  };
  document.body.append(element);
  element.showModal();
  moveToasts();
  (element.querySelector("[autofocus]") ?? element.querySelector("h2")).focus();
  return { element, close, closed };
}

/** Ask whether to go on; resolves with true or false. */
export function confirm(title, text, label) {
  const yes = el("button", { type: "button", class: "danger", on: { click: () => window_.close(true) } }, label);
  const no = el("button", { type: "button", autofocus: true, on: { click: () => window_.close() } }, say("cancel"));
  const window_ = openDialog(title, el("div", {}, el("p", {}, text), el("div", { class: "buttons" }, no, yes)));
  return window_.closed.then(Boolean);
}

/** Close every open window, as when somebody logs out. */
export function closeDialogs() {
  for (const each of document.querySelectorAll("dialog[open]")) each.close();
}

function comeBack(element) {
  // What opened the window may be gone with the list it stood in.
  const target = element?.isConnected ? element : document.querySelector("h1");
  target?.focus();
}
