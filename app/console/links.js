/** The view of one's own links: make one, look for some, page by page. */

import { call, withQuery } from "./api.js";
import { el, fill } from "./elements.js";
import { choice } from "./fields.js";
import { linkRow } from "./link-row.js";
import { newLinkForm } from "./link-new.js";
import { attempt } from "./problems.js";
import { address, go } from "./router.js";
import { say, sayCount } from "./words.js";

const PAGE = 20;
const STATES = ["active", "scheduled", "expired", "exhausted", "disabled", "deleted"];
const SORTS = ["-created_at", "created_at", "-visits", "-last_visit_at", "code"];
const TYPING_PAUSE = 350;
/** Pages without any link after which a person is asked whether to go on. */
const MOST_LOOKS = 5;
/** By the cursor of a page: that of the page before it. */
const before = new Map();

/** Show the view; returns how it follows a change of the address. */
export async function showLinks(outlet, { query, signal }) {
  const list = new LinkList(query, signal);
  outlet.append(
    el("h1", { tabindex: "-1" }, say("nav.links")),
    newLinkForm((link) => list.add(link), () => list.tagNames),
    list.element,
  );
  list.load();
  list.loadTags();
  return (changed) => list.follow(changed);
}

class LinkList {
  constructor(query, signal) {
    this.query = query;
    this.signal = signal;
    this.tagNames = [];
    this.loading = null;
    this.search = this.searchField();
    this.state = choice({ "aria-label": say("state") }, [["", say("state.all")], ...STATES.map((each) => [each, say(`state.${each}`)])]);
    this.sort = choice({ "aria-label": say("sort") }, SORTS.map((each) => [each, say(`sort.${each}`)]));
    this.tag = choice({ "aria-label": say("tag") }, [["", say("tag.all")]]);
    for (const [name, select] of Object.entries({ state: this.state, sort: this.sort, tag: this.tag })) {
      select.addEventListener("change", () => this.choose({ [name]: select.value }));
    }
    this.place = el("div", { class: "place" });
    this.none = el("div", { class: "place" });
    this.rows = el("ul", { class: "links", "aria-label": say("nav.links") });
    this.told = el("p", { class: "soft", role: "status", tabindex: "-1" });
    this.pages = el("nav", { class: "pages", "aria-label": say("pages") });
    this.element = el(
      "section",
      { "aria-label": say("nav.links") },
      el("div", { class: "toolbar", role: "search" }, this.search, this.tag, this.state, this.sort),
      this.told,
      this.place,
      this.none,
      this.rows,
      this.pages,
    );
    this.showChoices();
  }

  searchField() {
    const input = el("input", { type: "search", placeholder: say("search"), "aria-label": say("search"), maxlength: 256, dir: "auto" });
    let timer;
    const look = () => {
      clearTimeout(timer);
      this.choose({ search: input.value.trim() }, { replace: true });
    };
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(look, TYPING_PAUSE);
    });
    input.addEventListener("keydown", (event) => event.key === "Enter" && look());
    return input;
  }

  /** Go to the first page of another list. */
  choose(changes, how = {}) {
    const { cursor, ...query } = { ...this.query, ...changes };
    go(address(["links"], { ...query, sort: query.sort === SORTS[0] ? "" : query.sort }), how);
  }

  async follow(query) {
    const turned = query.cursor !== this.query.cursor;
    this.query = query;
    this.showChoices();
    await this.load();
    // The link that was followed is gone with its page.
    if (turned && document.activeElement === document.body) this.told.focus();
  }

  showChoices() {
    const { search = "", state = "", sort = SORTS[0], tag = "" } = this.query;
    if (document.activeElement !== this.search) this.search.value = search;
    this.state.value = state;
    this.sort.value = SORTS.includes(sort) ? sort : SORTS[0];
    if (tag && ![...this.tag.options].some((each) => each.value === tag)) this.tag.append(el("option", { value: tag }, tag));
    this.tag.value = tag;
  }

  async load() {
    this.loading?.abort();
    this.loading = new AbortController();
    const signal = AbortSignal.any([this.signal, this.loading.signal]);
    this.rows.setAttribute("aria-busy", "true");
    const done = await attempt(this.place, () => this.fetch(signal), { retry: () => this.load() });
    if (done) this.rows.removeAttribute("aria-busy");
  }

  async fetch(signal) {
    const { search, tag, state, sort } = this.query;
    let { cursor } = this.query;
    let links = [];
    // A search may look through much and find nothing in it, and still have a next page.
    for (let looks = 0; looks === 0 || (cursor && !links.length && looks < MOST_LOOKS); looks += 1) {
      const path = withQuery("/api/links", { search, tag, state, sort, cursor, limit: PAGE });
      const { body } = await call("GET", path, { signal });
      links = body.links;
      cursor = body.cursor;
    }
    fill(this.rows, links.map((link) => linkRow(link, this)));
    this.showPages(cursor);
    this.describe(links.length, cursor);
  }

  describe(count, next) {
    const filtered = ["search", "tag", "state", "cursor"].some((name) => this.query[name]);
    const further = next ? say("links.further") : "";
    fill(this.told, count ? sayCount("links.shown", count) : further);
    fill(this.none);
    if (count || next) return;
    fill(
      this.none,
      el(
        "div",
        { class: "empty" },
        el("h2", {}, say(filtered ? "links.none_found" : "links.none")),
        el("p", {}, say(filtered ? "links.none_found.hint" : "links.none.hint")),
        filtered
          ? el("p", {}, el("a", { href: address(["links"]) }, say("links.show_all")))
          : el("p", {}, el("a", { href: address(["transfer"]) }, say("links.import_instead"))),
      ),
    );
  }

  showPages(next) {
    const { cursor = "" } = this.query;
    if (next) before.set(next, cursor);
    const to = (place) => address(["links"], { ...this.query, cursor: place });
    const link = (place, text) => el("a", { href: to(place), class: "button" }, text);
    fill(
      this.pages,
      cursor && before.get(cursor) && link(before.get(cursor), say("pages.previous")),
      cursor && link("", say("pages.first")),
      next && link(next, say("pages.next")),
    );
  }

  /** Show a link that was just made where it belongs: at the top of the list. */
  add(link) {
    const known = this.rows.querySelector(`[data-code="${CSS.escape(link.code)}"]`);
    if (known) known.replaceWith(linkRow(link, this));
    else this.rows.prepend(linkRow(link, this));
    fill(this.none);
    fill(this.told, sayCount("links.shown", this.rows.children.length));
    this.loadTags();
  }

  /** Show a link as it is after a change. */
  replace(row, link, { focus = null } = {}) {
    const fresh = linkRow(link, this);
    row.replaceWith(fresh);
    if (focus) fresh.querySelector(`[data-does="${focus}"]`)?.focus();
    this.loadTags();
  }

  async loadTags() {
    try {
      const { body } = await call("GET", "/api/tags", { signal: this.signal });
      this.tagNames = body.tags.map((each) => each.name);
      const options = body.tags.map((each) => el("option", { value: each.name }, `${each.name} (${each.links})`));
      fill(this.tag, el("option", { value: "" }, say("tag.all")), options);
      this.showChoices();
    } catch {
      // The list can be used without; what is wrong is told where it is loaded.
    }
  }
}
