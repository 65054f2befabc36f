/** Which view is shown: the part of the address behind #, such as #/links?tag=spring. */

/** Return the view that the address names: its path in parts, and its parameters. */
export function route() {
  const text = location.hash.replace(/^#\/?/, "");
  const [path, query = ""] = text.split("?", 2);
  return {
    parts: path.split("/").filter(Boolean).map(decoded),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** Return the address of a view, without the parameters that are empty. */
export function address(parts, query = {}) {
  const path = parts.map(encodeURIComponent).join("/");
  const kept = Object.entries(query).filter(([, value]) => value);
  const parameters = new URLSearchParams(kept).toString();
  return `#/${path}${parameters ? `?${parameters}` : ""}`;
}

/** Go to a view; `replace` leaves no step to come back to. */
export function go(where, { replace = false } = {}) {
  if (where === location.hash) return;
  if (replace) {
    history.replaceState(null, "", where);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = where;
  }
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
