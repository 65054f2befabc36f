/** Elements of the page. Children are text or nodes: nothing here ever reads markup. */

const PROPERTIES = new Set(["value", "open"]);
const SVG = "http://www.w3.org/2000/svg";

/** Make an element: attributes by name, `on` for listeners, null or false for nothing. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** Make an element of a picture. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Put other content into an element. */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

let lastId = 0;

/** Return an id that nothing else on the page has. */
export function newId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

/** Return a link to another site; what is no http or https address is shown as text alone. */
export function outward(address, attributes = {}, ...children) {
  const shown = children.length ? children : [address];
  if (!isWebAddress(address)) return el("span", { ...attributes, dir: "auto" }, ...shown);
  const safe = { href: address, target: "_blank", rel: "noopener noreferrer" };
  return el("a", { dir: "auto", ...attributes, ...safe }, ...shown);
}

function isWebAddress(address) {
  try {
    return ["http:", "https:"].includes(new URL(address).protocol);
  } catch {
    return false;
  }
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") listen(element, value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...nodes(children));
  return element;
}

function listen(element, listeners) {
  for (const [event, listener] of Object.entries(listeners)) {
    element.addEventListener(event, listener);
  }
}

function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
