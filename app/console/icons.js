/** Small pictures for buttons: lines of one width, in the colour of the text. */

import { svg } from "./elements.js";

const PATHS = {
  copy: "M9 9h10v12H9z M5 15V3h10",
  qr: "M4 4h6v6H4z M14 4h6v6h-6z M4 14h6v6H4z M14 14h2v2 M20 14v3h-3v3 M20 20h.01",
  chart: "M4 20V10 M10 20V4 M16 20v-7 M22 20H2",
  edit: "M4 20h4L19 9l-4-4L4 16z M13 7l4 4",
  pause: "M9 5v14 M15 5v14",
  play: "M7 5l12 7-12 7z",
  remove: "M4 7h16 M9 7V4h6v3 M6 7l1 13h10l1-13 M10 11v5 M14 11v5",
  restore: "M4 10h11a5 5 0 0 1 0 10H8 M8 6l-4 4 4 4",
  close: "M6 6l12 12 M18 6L6 18",
  plus: "M12 5v14 M5 12h14",
  up: "M12 19V6 M6 11l6-6 6 6",
  down: "M12 5v13 M6 13l6 6 6-6",
  upload: "M12 16V4 M7 9l5-5 5 5 M4 16v4h16v-4",
  download: "M12 4v12 M7 11l5 5 5-5 M4 16v4h16v-4",
  next: "M9 5l7 7-7 7",
  back: "M15 5l-7 7 7 7",
};

/** Return a picture that screen readers pass over: the button says what it does. */
export function icon(name) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", width: 18, height: 18, "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name], fill: "none", stroke: "currentColor", "stroke-width": 1.75, "stroke-linecap": "round", "stroke-linejoin": "round" }),
  );
}
