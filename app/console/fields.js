/** Fields of a form: a label, the input, a hint, and the error beside it. */

import { el, fill, newId } from "./elements.js";
import { say } from "./words.js";

/**
 * Make a field. `input` is an element that takes a value, or the attributes of an <input>. Return
 * {element, input, value, fail, clear}; `fail` shows an error that the input is described by.
 */
export function field(label, input, { hint = null, optional = false } = {}) {
  const control = input instanceof Element ? input : el("input", input);
  control.id ||= newId("field");
  const error = el("p", { class: "error", id: `${control.id}-error` });
  const help = hint && el("p", { class: "hint", id: `${control.id}-hint` }, hint);
  control.setAttribute("aria-describedby", [help?.id, error.id].filter(Boolean).join(" "));
  const mark = optional && el("span", { class: "optional" }, say("optional"));
  const element = el(
    "div",
    { class: "field" },
    el("label", { for: control.id }, label, mark && " ", mark),
    control,
    help,
    error,
  );
  const clear = () => {
    control.removeAttribute("aria-invalid");
    fill(error);
  };
  const fail = (...text) => {
    control.setAttribute("aria-invalid", "true");
    fill(error, ...text);
  };
  control.addEventListener("input", clear);
  return { element, input: control, clear, fail, value: () => control.value };
}

/** Make a choice among [value, label]. */
export function choice(attributes, options, chosen = "") {
  const select = el(
    "select",
    attributes,
    options.map(([value, label]) => el("option", { value }, label)),
  );
  select.value = chosen;
  return select;
}

/** Make a box to tick with its label. */
export function tick(label, attributes = {}) {
  const input = el("input", { type: "checkbox", ...attributes });
  return { element: el("label", { class: "tick" }, input, label), input };
}

/** Make a field for a password that can be shown. */
export function passwordField(label, attributes, more = {}) {
  const made = field(label, { type: "password", required: true, maxlength: 128, ...attributes }, more);
  const show = el("button", { type: "button", class: "plain small", "aria-pressed": "false" }, say("show_password"));
  show.addEventListener("click", () => {
    const shown = made.input.type === "text";
    made.input.type = shown ? "password" : "text";
    show.setAttribute("aria-pressed", String(!shown));
  });
  made.element.querySelector("label").after(show);
  made.element.classList.add("with-action");
  return made;
}

/** Make a list of names that a field offers while one types. */
export function offered(names) {
  return el("datalist", { id: newId("names") }, names.map((value) => el("option", { value })));
}

/** Go to the first field with an error; tell whether there was one. */
export function focusFirstError(form) {
  const first = form.querySelector("[aria-invalid=true]");
  first?.closest("details")?.setAttribute("open", "");
  first?.focus();
  return first !== null;
}
