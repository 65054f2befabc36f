/** Words, dates and numbers in the reader's language, locale and time zone. */

const KEY = "console.language";
export const LANGUAGES = ["en", "pt"];

export const language = chosen();
/** The reader's own variant of the language (pt-PT, en-GB), where the browser names one. */
export const locale =
  navigator.languages.find((each) => each.toLowerCase().split("-")[0] === language) ??
  { en: "en", pt: "pt-BR" }[language];
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

const words = await load(language);
const plurals = new Intl.PluralRules(locale);
const NUMBER = new Intl.NumberFormat(locale);
const DAY = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
const MOMENT = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const RELATIVE = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const SIZES = ["byte", "kilobyte", "megabyte", "gigabyte"];

/** Return the words of a key, with {name} replaced by the value of that name. */
export function say(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** Tell whether there are words for a key. */
export function has(key) {
  return key in words;
}

/** Return the words for a number of things: `key.one` or `key.other`, with {n}. */
export function sayCount(key, count) {
  const form = plurals.select(count) === "one" ? "one" : "other";
  return say(`${key}.${form}`, { n: number(count) });
}

export const number = (value) => NUMBER.format(value);
export const day = (text) => DAY.format(new Date(text));
export const moment = (text) => MOMENT.format(new Date(text));

/** Return how long it is until then: "in 12 seconds", "in 3 minutes". */
export function soon(seconds) {
  if (seconds < 120) return RELATIVE.format(Math.ceil(seconds), "second");
  return RELATIVE.format(Math.ceil(seconds / 60), "minute");
}

/** Return a number of bytes as people say it. */
export function size(bytes) {
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < SIZES.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const options = { style: "unit", unit: SIZES[unit], unitDisplay: "short", maximumFractionDigits: unit ? 1 : 0 };
  return new Intl.NumberFormat(locale, options).format(value);
}

/** Return the name of a country or language in the reader's language. */
export function nameOf(type, value) {
  try {
    return new Intl.DisplayNames(locale, { type }).of(value) ?? value;
  } catch {
    return value;
  }
}

/** Remember a language; the page shows it from its next load on. */
export function chooseLanguage(choice) {
  localStorage.setItem(KEY, choice);
}

function chosen() {
  const kept = localStorage.getItem(KEY);
  if (LANGUAGES.includes(kept)) return kept;
  const wanted = navigator.languages.map((each) => each.toLowerCase().split("-")[0]);
  return wanted.find((each) => LANGUAGES.includes(each)) ?? "en";
}

async function load(name) {
  const answer = await fetch(new URL(`./words.${name}.json`, import.meta.url), {
    credentials: "omit",
    signal: AbortSignal.timeout(30_000),
  });
  return answer.json();
}
