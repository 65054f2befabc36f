/**
 * Light or dark, before anything is painted, and a word where the rest does not come: the one script
 * that is no module.
 */

(function () {
  const KEY = "console.appearance";
  const CHOICES = ["auto", "light", "dark"];

  function chosen() {
    try {
      const kept = localStorage.getItem(KEY);
      return CHOICES.includes(kept) ? kept : "auto";
    } catch {
      return "auto";
    }
  }

  function show(choice) {
    if (choice === "auto") document.documentElement.removeAttribute("data-appearance");
    else document.documentElement.setAttribute("data-appearance", choice);
  }

  function choose(choice) {
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // It holds for this page then.
    }
    show(choice);
  }

  show(chosen());
  window.appearance = { CHOICES, chosen, choose };
  window.addEventListener("storage", () => show(chosen()));

  // A module or its words did not come: what stands there would stand there for ever.
  function tell() {
    if (document.querySelector(".loading")) document.getElementById("broken").hidden = false;
  }
  window.addEventListener("error", tell, true);
  window.addEventListener("unhandledrejection", tell);
})();
