/** A place to drop a file on; a button in it does the same without a mouse. */

import { el } from "./elements.js";
import { icon } from "./icons.js";
import { say } from "./words.js";

/** Make the place; `take` gets the file. */
export function dropZone(take) {
  const input = el("input", { type: "file", class: "unseen", tabindex: "-1", "aria-hidden": "true" });
  const button = el("button", { type: "button", class: "primary", on: { click: () => input.click() } }, say("import.choose"));
  const element = el("div", { class: "drop" }, icon("upload"), el("p", {}, say("import.drop")), button, input);
  const stop = (event) => event.preventDefault();
  input.addEventListener("change", () => {
    const [file] = input.files;
    if (file) take(file);
    input.value = "";
  });
  element.addEventListener("dragenter", stop);
  element.addEventListener("dragover", (event) => {
    stop(event);
    element.classList.add("over");
  });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", (event) => {
    stop(event);
    element.classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file) take(file);
  });
  return element;
}
