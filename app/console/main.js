/** The page's begin: its head, and which view is shown when. */

import { onExpired } from "./api.js";
import { closeDialogs } from "./dialog.js";
import { el, fill } from "./elements.js";
import { logInAgain, showLogin } from "./login.js";
import { problem } from "./problems.js";
import { address, go, route } from "./router.js";
import * as session from "./session.js";
import { clearToasts } from "./toasts.js";
import { LANGUAGES, chooseLanguage, language, say } from "./words.js";

/** What the head leads to: name in the address, and the module that shows it. */
const VIEWS = {
  links: async (...given) => (await import("./links.js")).showLinks(...given),
  statistics: async (...given) => (await import("./statistics.js")).showAllStatistics(...given),
  transfer: async (...given) => (await import("./transfer.js")).showTransfer(...given),
  keys: async (...given) => (await import("./keys.js")).showKeys(...given),
  account: async (...given) => (await import("./account.js")).showAccount(...given),
};

const outlet = document.getElementById("view");
let shown = { name: null, user: null, update: null };
let leaving = new AbortController();

async function render() {
  const { parts, query } = route();
  const user = session.user();
  const name = viewName(parts, user);
  if (shown.name === name && shown.user === user && shown.update) {
    markCurrent(parts[0]);
    return shown.update(query);
  }
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const first = shown.name === null;
  shown = { name, user, update: null };
  closeDialogs();
  if (!first) clearToasts();
  showHead(user !== null);
  markCurrent(parts[0]);
  const place = el("div", {});
  fill(outlet, place);
  try {
    const update = await view(name, parts)(place, { parts, query, signal });
    if (signal.aborted) return undefined;
    shown.update = update ?? null;
  } catch (error) {
    if (signal.aborted) return undefined;
    fill(place, el("h1", { tabindex: "-1" }, say("not_shown")), problem(error, () => location.reload()));
  }
  return entitle(first);
}

function viewName(parts, user) {
  if (user === null) return parts[0] === "signup" ? "signup" : "login";
  const known = Object.hasOwn(VIEWS, parts[0] ?? "") ? parts[0] : "links";
  return [known, ...parts.slice(1)].join("/");
}

function view(name, parts) {
  if (name === "login" || name === "signup") return (place) => showLogin(place, name === "signup");
  if (name.startsWith("links/") && parts[1]) {
    return async (...given) => (await import("./statistics.js")).showLinkStatistics(...given);
  }
  return VIEWS[name.split("/")[0]];
}

function entitle(first) {
  const heading = outlet.querySelector("h1");
  document.title = heading ? `${heading.textContent} · ${say("title")}` : say("title");
  // Whoever cannot see hears where they are; at the begin the browser says so itself.
  if (!first && !outlet.contains(document.activeElement)) heading?.focus();
}

function showHead(known) {
  const nav = Object.keys(VIEWS).map((name) => el("a", { href: address([name]), "data-view": name }, say(`nav.${name}`)));
  fill(document.getElementById("nav"), known ? nav : []);
  document.getElementById("nav").hidden = !known;
  const out = el("button", { type: "button", class: "plain", on: { click: session.logOut } }, say("log_out"));
  fill(document.getElementById("choices"), languageChoice(), appearanceChoice(), known && out);
}

function markCurrent(name) {
  for (const link of document.querySelectorAll("#nav a")) {
    if (link.dataset.view === (name ?? "links")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function languageChoice() {
  const select = el(
    "select",
    { "aria-label": say("language"), title: say("language") },
    LANGUAGES.map((each) => el("option", { value: each, lang: each }, { en: "English", pt: "Português" }[each])),
  );
  select.value = language;
  select.addEventListener("change", () => {
    chooseLanguage(select.value);
    location.reload();
  });
  return select;
}

function appearanceChoice() {
  const { CHOICES, chosen, choose } = window.appearance;
  const select = el(
    "select",
    { "aria-label": say("appearance"), title: say("appearance") },
    CHOICES.map((each) => el("option", { value: each }, say(`appearance.${each}`))),
  );
  select.value = chosen();
  select.addEventListener("change", () => choose(select.value));
  return select;
}

document.documentElement.lang = { en: "en", pt: "pt-BR" }[language];
document.getElementById("skip").textContent = say("skip");
document.getElementById("nav").setAttribute("aria-label", say("nav"));
onExpired(logInAgain);
session.onChange(() => {
  if (session.user() === shown.user) return;
  // Another account in another tab: nothing of the one before may stay.
  if (session.user() !== null && shown.user !== null) location.reload();
  else if (session.user() === null) go(address(["login"]), { replace: true });
  else if (["login", "signup"].includes(route().parts[0])) go(address(["links"]), { replace: true });
  if (session.user() !== shown.user) render();
});
window.addEventListener("hashchange", render);
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  outlet.querySelector("h1")?.focus();
});
render();
