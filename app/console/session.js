/**
 * Who is logged in. The token is kept in localStorage and nowhere else: all tabs share it, and all
 * are told when it goes (docs/decisions/0018-console.md).
 */

const KEY = "console.token";
/** When somebody logged out: an expired token goes without that, and nobody's input with it. */
const ENDED = "console.ended";
const listeners = new Set();
let last = null;

/** Return the token; null without one, and when its time is over. */
export function token() {
  const kept = localStorage.getItem(KEY);
  if (kept === null) return null;
  const { exp, user_id } = claims(kept);
  last = user_id ?? last;
  if (typeof exp === "number" && exp * 1000 <= Date.now()) {
    localStorage.removeItem(KEY);
    return null;
  }
  return kept;
}

/** Return the id of who is logged in, or null. */
export function user() {
  const kept = token();
  return kept === null ? null : (claims(kept).user_id ?? null);
}

/** Return the id of who is or was logged in while this page is open, or null. */
export function lastUser() {
  return user() ?? last;
}

/** Keep a token that the service gave. */
export function logIn(given) {
  localStorage.setItem(KEY, given);
  tell();
}

/** Take the token out of this browser, with what was written under it, in every tab. */
export function logOut() {
  localStorage.removeItem(KEY);
  localStorage.setItem(ENDED, String(Date.now()));
  forget();
}

/** Forget a token that the service takes no longer; what is on the page stays. */
export function expire() {
  localStorage.removeItem(KEY);
}

/** Call the listener when somebody logs in or out, here or in another tab. */
export function onChange(listener) {
  listeners.add(listener);
}

window.addEventListener("storage", (event) => {
  // A key of null: everything was cleared.
  if (event.key === ENDED || event.key === null) forget();
  else if (event.key === KEY && event.newValue !== null) tell();
});

function forget() {
  last = null;
  sessionStorage.clear();
  tell();
}

function tell() {
  for (const listener of listeners) listener();
}

function claims(kept) {
  try {
    const part = kept.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(atob(part));
  } catch {
    return {};
  }
}
