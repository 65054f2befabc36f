/** The way of a file into an import: in parts, going on where it stopped. */

import { LONG_WAIT, call } from "./api.js";

const PART = 1 << 20;
/** Bytes up to which a whole file is read to know it again by its digest. */
const MOST_DIGESTED = 256 << 20;
const ATTEMPTS = 5;

/** Return the import of a file: a new one, or the one that was begun with it. */
export async function beginImport(file, format, signal) {
  const json = { format, size: file.size, name: file.name.slice(0, 200) };
  if (file.size <= MOST_DIGESTED && crypto.subtle) json.digest = await digest(file);
  else {
    const begun = await sameFile(file, signal);
    if (begun) return begun;
  }
  return (await call("POST", "/api/imports", { json, signal, wait: LONG_WAIT })).body.import;
}

/** Send what is missing; `progress` is told of the import after each part. Returns the import. */
export async function sendParts(file, begun, progress, signal) {
  let current = begun;
  let failures = 0;
  while (current.state === "open" && current.offset < file.size) {
    try {
      current = await sendPart(file, current, signal);
      failures = 0;
      progress(current);
    } catch (error) {
      signal.throwIfAborted();
      failures += 1;
      if (!passes(error) || failures >= ATTEMPTS) throw error;
      await pause(error.retryAfter ? error.retryAfter * 1000 : 1000 * 2 ** failures, signal);
      // What came of the part is not known: the service says how far it is.
      current = await whereItIs(current, signal);
    }
  }
  return current;
}

async function sendPart(file, current, signal) {
  const body = file.slice(current.offset, current.offset + PART);
  const headers = { "Content-Type": "application/octet-stream", "Upload-Offset": String(current.offset) };
  const path = `/api/imports/${encodeURIComponent(current.id)}`;
  return (await call("PATCH", path, { body, headers, signal, wait: LONG_WAIT })).body.import;
}

async function whereItIs(current, signal) {
  try {
    return (await call("GET", `/api/imports/${encodeURIComponent(current.id)}`, { signal })).body.import;
  } catch (error) {
    signal.throwIfAborted();
    if (!passes(error)) throw error;
    return current;
  }
}

/** Tell whether trying again may help. */
function passes(error) {
  return ["timeout", "unreachable"].includes(error.kind) || error.code === "OFFSET_CONFLICT" || error.status === 429 || error.status >= 500;
}

async function sameFile(file, signal) {
  const { body } = await call("GET", "/api/imports", { signal });
  return body.imports.find((each) => each.state === "open" && each.name === file.name && each.size === file.size);
}

async function digest(file) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function pause(milliseconds, signal) {
  return new Promise((resolve, fail) => {
    const timer = setTimeout(resolve, Math.min(milliseconds, 30_000));
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      fail(signal.reason);
    });
  });
}
