/** Requests to the service: each has a limit in time, and what went wrong is a Refusal. */

import * as session from "./session.js";

export const USUAL_WAIT = 20_000;
export const LONG_WAIT = 60_000;

/** Something was not done; `kind` is http, timeout, unreachable or login. */
export class Refusal extends Error {
  constructor(kind, more = {}) {
    super(more.code ?? kind);
    this.kind = kind;
    this.status = more.status ?? 0;
    this.code = more.code ?? null;
    this.details = more.details ?? null;
    this.retryAfter = more.retryAfter ?? null;
    this.requestId = more.requestId ?? null;
  }
}

let logInAgain = async () => false;
let asking = null;

/** Say how a person is asked to log in again: an async function that tells whether they did. */
export function onExpired(ask) {
  logInAgain = ask;
}

/**
 * Ask the service; return {status, body, etag, response}. Throws Refusal, or the AbortError of
 * `signal`. Without a valid token a person is asked to log in, and then the request is sent again;
 * `open` is for what needs no token.
 */
export async function call(method, path, options = {}) {
  for (;;) {
    const token = options.open ? null : session.token();
    if (options.open || token !== null) {
      try {
        return await send(method, path, options, token);
      } catch (error) {
        const refused = ["INVALID_TOKEN", "MISSING_TOKEN"].includes(error.code);
        if (options.open || !refused) throw error;
        if (session.token() === token) session.expire();
      }
    }
    asking ??= logInAgain().finally(() => {
      asking = null;
    });
    if (!(await asking)) throw new Refusal("login");
  }
}

/** Return the address of a path with the parameters that are set. */
export function withQuery(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** Return the path of a link in the API. */
export function linkPath(code, below = "") {
  return `/api/links/${encodeURIComponent(code)}${below}`;
}

async function send(method, path, options, token) {
  const { json, body, headers = {}, wait = USUAL_WAIT, signal, as = "json" } = options;
  const requestId = newRequestId();
  const sent = { Accept: "application/json", "X-Request-ID": requestId, ...headers };
  if (json !== undefined) sent["Content-Type"] ??= "application/json";
  if (token !== null) sent.Authorization = `Bearer ${token}`;
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), wait);
  const stop = () => limit.abort();
  signal?.addEventListener("abort", stop);
  try {
    signal?.throwIfAborted();
    const response = await fetch(path, {
      method,
      headers: sent,
      body: json === undefined ? body : JSON.stringify(json),
      signal: limit.signal,
      cache: "no-store",
      credentials: "omit",
    });
    if (!response.ok) throw await refusalOf(response, requestId);
    return {
      status: response.status,
      etag: response.headers.get("ETag"),
      response,
      body: as === "response" ? null : await content(response),
    };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    signal?.throwIfAborted();
    throw new Refusal(limit.signal.aborted ? "timeout" : "unreachable", { requestId });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

async function content(response) {
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

async function refusalOf(response, sentId) {
  let told = {};
  try {
    told = JSON.parse(await response.text()) ?? {};
  } catch {
    // Not an answer of ours, but of something in between.
  }
  const seconds = Number(told.retry_after ?? response.headers.get("Retry-After"));
  return new Refusal("http", {
    status: response.status,
    code: told.code,
    details: told.details,
    retryAfter: Number.isFinite(seconds) && seconds > 0 ? seconds : null,
    requestId: response.headers.get("X-Request-ID") ?? sentId,
  });
}

function newRequestId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
