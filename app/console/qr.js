/** The QR code of a link, to look at and to keep. */

import { openDialog } from "./dialog.js";
import { withQuery } from "./api.js";
import { el, fill } from "./elements.js";
import { choice, field } from "./fields.js";
import { icon } from "./icons.js";
import { say } from "./words.js";

const SIZES = ["300", "600", "1024"];
const LEVELS = ["L", "M", "Q", "H"];

/** Show the code in a window. */
export function showQrCode(link) {
  const name = link.title ?? link.code;
  const picture = el("img", { class: "qr", alt: say("qr_of", { name }), width: 300, height: 300 });
  const place = el("div", { class: "place", role: "status" });
  const size = field(say("qr.size"), choice({}, SIZES.map((each) => [each, `${each} × ${each}`]), SIZES[0]));
  const level = field(say("qr.level"), choice({}, LEVELS.map((each) => [each, say(`qr.level.${each}`)]), "M"));
  const keep = el("div", { class: "buttons" });
  const look = (kind) =>
    withQuery(`/${encodeURIComponent(link.code)}/qr.${kind}`, { size: size.value(), level: level.value() });
  const download = (kind) =>
    el("a", { class: "button", href: look(kind), download: `${link.code}.${kind}` }, icon("download"), say(`qr.${kind}`));
  const show = () => {
    fill(place);
    picture.src = look("svg");
    fill(keep, download("svg"), download("png"));
  };
  picture.addEventListener("error", () => fill(place, el("p", { class: "error" }, say("qr.none"))));
  size.input.addEventListener("change", show);
  level.input.addEventListener("change", show);
  show();
  openDialog(
    say("qr_of", { name }),
    el("div", {}, el("div", { class: "frame" }, picture), place, el("div", { class: "columns" }, size.element, level.element), keep),
  );
}
