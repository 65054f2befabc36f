/** Files that the service gives to who is logged in. */

import { Refusal, call } from "./api.js";
import { el } from "./elements.js";

/** Milliseconds for which nothing may come. */
const LONGEST_PAUSE = 60_000;

/**
 * Get a file and hand it to the browser to keep. `progress` is told how many bytes there are; what
 * is cut off before its end is a Refusal, and nothing is kept.
 */
export async function save(path, name, { progress = null, signal, wait } = {}) {
  const { response } = await call("GET", path, { as: "response", signal, wait, headers: { Accept: "*/*" } });
  const parts = await whole(response, signal, progress);
  const url = URL.createObjectURL(new Blob(parts));
  el("a", { href: url, download: fileName(response) ?? name }).click();
  // The browser has its own copy by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

async function whole(response, signal, progress) {
  const requestId = response.headers.get("X-Request-ID");
  const reader = response.body.getReader();
  const parts = [];
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await inTime(reader.read(), requestId);
      signal?.throwIfAborted();
      if (done) return parts;
      parts.push(value);
      bytes += value.length;
      progress?.(bytes);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    if (error instanceof Refusal || error.name === "AbortError") throw error;
    throw new Refusal("unreachable", { requestId });
  }
}

function inTime(read, requestId) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Refusal("timeout", { requestId })), LONGEST_PAUSE);
  });
  return Promise.race([read, late]).finally(() => clearTimeout(timer));
}

function fileName(response) {
  return /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? null;
}
