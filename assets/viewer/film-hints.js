// @ts-check
/**
 * One line over the film that says how the tool in hand is used.
 */
import { button, make } from "./dom.js";

const HINTS = /** @type {Record<string, string>} */ ({
  length: "Drag from one end to the other.",
  angle: "Click one end, the vertex, the other end.",
  ellipse: "Drag around it, corner to corner.",
  arrow: "Drag to what the arrow points at, then write.",
  ratio: "Drag across the heart, then across the chest.",
  scale: "Drag along a known length, then write it in mm.",
});

/** @param {import("./film.js").Film} film @returns {Node[]} */
export function hintOf(film) {
  const said = HINTS[film.hand.name];
  if (!said) return [];
  const start = film.hand.name === "ratio" && film.listeners.has("ratio")
    ? button("Start from the model’s boxes", () => film.emit("ratio"), { cls: "film-start", onpointerdown: (/** @type {Event} */ event) => event.stopPropagation() })
    : null;
  return [make("span", { text: said }), start].filter((node) => node !== null);
}
