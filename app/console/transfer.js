/** Links in and out: import a file, see how it went, export everything. */

import { LONG_WAIT, call } from "./api.js";
import { save } from "./download.js";
import { dropZone } from "./drop-zone.js";
import { el, fill } from "./elements.js";
import { choice, field } from "./fields.js";
import { icon } from "./icons.js";
import { importRow } from "./import-row.js";
import { attempt, isBusy } from "./problems.js";
import { address } from "./router.js";
import { beginImport, sendParts } from "./upload.js";
import { number, say, size } from "./words.js";

const FORMATS = ["auto", "jsonl", "csv", "bitly", "dub", "kutt", "shlink", "yourls"];

/** Show the view. */
export async function showTransfer(outlet, { signal }) {
  const imports = new Imports(signal);
  outlet.append(
    el("h1", { tabindex: "-1" }, say("nav.transfer")),
    imports.element,
    exports(signal),
  );
  imports.load();
}

class Imports {
  constructor(signal) {
    this.signal = signal;
    this.format = field(say("import.format"), choice({}, FORMATS.map((each) => [each, say(`import.format.${each}`)]), "auto"), { hint: say("import.format.hint") });
    this.place = el("div", { class: "place" });
    this.running = el("div", {});
    this.list = el("ul", { class: "plain-list", "aria-label": say("imports") });
    this.sending = null;
    this.element = el(
      "section",
      { class: "card", "aria-labelledby": "import-heading" },
      el("h2", { id: "import-heading" }, say("import")),
      el("p", { class: "soft" }, say("import.why")),
      this.format.element,
      dropZone((file) => this.start(file)),
      this.running,
      this.place,
      this.list,
    );
    signal.addEventListener("abort", () => this.sending?.abort());
  }

  async load() {
    await attempt(this.place, async () => {
      const { body } = await call("GET", "/api/imports", { signal: this.signal });
      fill(this.list, body.imports.map((each) => importRow(each, () => this.load())));
    }, { retry: () => this.load() });
  }

  async start(file) {
    if (this.sending) return;
    if (!file.size) {
      fill(this.running, el("p", { class: "error", role: "alert" }, say("import.empty")));
      return;
    }
    this.sending = new AbortController();
    const { signal } = this.sending;
    const bar = progressBar(file, () => this.sending.abort());
    fill(this.running, bar.element);
    window.addEventListener("beforeunload", stay);
    try {
      await attempt(this.place, async () => {
        const begun = await beginImport(file, this.format.value(), signal);
        bar.show(begun);
        bar.done(await sendParts(file, begun, bar.show, signal));
      }, { retry: () => this.start(file) });
    } finally {
      window.removeEventListener("beforeunload", stay);
      this.sending = null;
    }
    if (signal.aborted) fill(this.running, el("p", { role: "status" }, say("import.stopped")));
    else if (!this.place.firstChild) this.load();
    else fill(this.running);
  }
}

function stay(event) {
  event.preventDefault();
}

function progressBar(file, stop) {
  const bar = el("progress", { max: file.size, value: 0, "aria-label": say("import.progress", { name: file.name }) });
  const told = el("p", { class: "soft" });
  const spoken = el("p", { role: "status" }, say("import.begun", { name: file.name }));
  const button = el("button", { type: "button", class: "plain", on: { click: stop } }, say("stop"));
  const element = el("div", { class: "progress" }, spoken, bar, told, button);
  const show = (current) => {
    bar.value = current.offset;
    fill(told, say("import.so_far", { sent: size(current.offset), of: size(file.size), links: number(current.links) }));
  };
  const done = (current) => {
    show(current);
    button.remove();
    fill(spoken, say("import.done", { links: number(current.links), unchanged: number(current.unchanged), refused: number(current.refused) }),
      " ", el("a", { href: address(["links"]) }, say("import.see_links")));
  };
  return { element, show, done };
}

function exports(signal) {
  const place = el("div", { class: "place" });
  const told = el("p", { class: "soft", role: "status" });
  const buttons = ["jsonl", "csv"].map((format) => {
    const button = el("button", { type: "button" }, icon("download"), say(`export.${format}`));
    button.addEventListener("click", async () => {
      if (buttons.some(isBusy)) return;
      const progress = (bytes) => fill(told, say("export.so_far", { size: size(bytes) }));
      const done = await attempt(place, () => save(`/api/export?format=${format}`, `links.${format}`, { progress, signal, wait: LONG_WAIT }), { busy: buttons });
      fill(told, done ? say("export.done") : "");
    });
    return button;
  });
  return el(
    "section",
    { class: "card", "aria-labelledby": "export-heading" },
    el("h2", { id: "export-heading" }, say("export")),
    el("p", { class: "soft" }, say("export.why")),
    place,
    told,
    el("div", { class: "buttons" }, buttons),
  );
}
