// @ts-check
/**
 * A line to be written on the film itself: the words of an arrow, the length of a scale.
 */
import { button, make } from "./dom.js";

const ROOM = 250;

/**
 * What the reader writes; null where it is left.
 * @param {import("./film.js").Film} film @param {import("./film-geometry.js").Point} at screen point
 * @param {{label: string, [attribute: string]: any}} options attributes of the field
 * @returns {Promise<string|null>}
 */
export function askOnFilm(film, [x, y], { label, ...attributes }) {
  film.stage.querySelector(".film-ask")?.dispatchEvent(new Event("leave"));
  return new Promise((resolve) => {
    const field = make("input", { "aria-label": label, placeholder: label, autocomplete: "off", ...attributes });
    const form = make("form", { cls: "film-ask", onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      end(field.value.trim());
    } }, field, make("button", { type: "submit", text: "OK" }), button("×", () => end(null), { "aria-label": "Leave it" }));
    const end = (/** @type {string|null} */ said) => {
      form.remove();
      film.stage.focus({ preventScroll: true });
      resolve(said);
    };
    form.addEventListener("leave", () => end(null));
    for (const name of ["pointerdown", "wheel"]) form.addEventListener(name, (/** @type {Event} */ event) => event.stopPropagation());
    form.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      event.stopPropagation();
      if (event.key === "Escape") end(null);
    });
    form.style.left = `${Math.max(0, Math.min(x + 8, film.pane.width - ROOM))}px`;
    form.style.top = `${Math.max(0, Math.min(y + 8, film.pane.height - 40))}px`;
    film.stage.append(form);
    field.focus();
  });
}
