// @ts-check
/**
 * Light or dark. Dark unless somebody chose otherwise: films are read in the dark.
 */
import { button } from "./dom.js";
import { forGood } from "./kept.js";

const KEY = "lofi-tone";

/** @param {"light"|"dark"} tone */
function set(tone) {
  document.documentElement.dataset.tone = tone;
}

export function toneButton() {
  /** @type {"light"|"dark"} */ let tone = forGood.getItem(KEY) === "light" ? "light" : "dark";
  set(tone);
  const words = () => (tone === "dark" ? "Light" : "Dark");
  const node = button(words(), () => {
    tone = tone === "dark" ? "light" : "dark";
    forGood.setItem(KEY, tone);
    set(tone);
    node.textContent = words();
  }, { cls: "plain", id: "tone", title: "Change between light and dark" });
  return node;
}
