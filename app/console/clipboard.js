/** Copy text, and say that it was done. */

import { toast } from "./toasts.js";
import { say } from "./words.js";

/** Copy; where the browser does not let us, the text is shown to be copied by hand. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(say("copied", { text }));
  } catch {
    toast(say("copy_by_hand", { text }));
  }
}

/** Copy what a field holds, and show it nowhere else; where that is not let, it is selected. */
export async function copyFrom(input) {
  input.select();
  try {
    await navigator.clipboard.writeText(input.value);
    toast(say("copied_secret"));
  } catch {
    toast(say("copy_selected"));
  }
}
