// @ts-check
/**
 * A round glass that follows the pointer and shows the film, without boxes, larger.
 *
 * @typedef {import("./film-geometry.js").Point} Point
 * @typedef {import("./film.js").Film} Film
 */
import { canvasPainter } from "./film-canvas.js";
import { make } from "./dom.js";

const ACROSS = 220;
const LARGER = 2.5;
/** Above a finger, which would cover it. */
const LIFTED = 130;

export class Magnifier {
  /** @param {Film} film */
  constructor(film) {
    this.film = film;
    /** @type {HTMLCanvasElement} */ this.node = make("canvas", { cls: "film-magnifier", width: ACROSS, height: ACROSS, hidden: "" });
    this.painter = canvasPainter(this.node);
    this.on = false;
    /** @type {Point|null} */ this.at = null;
    this.lift = 0;
  }

  toggle() {
    this.on = !this.on;
    this.at ??= [this.film.pane.width / 2, this.film.pane.height / 2];
    this.film.redraw();
  }

  /** @param {Point|null} at screen point, null where the pointer left @param {boolean} touch */
  follow(at, touch) {
    if (!this.on || !at) return;
    this.at = at;
    this.lift = touch ? LIFTED : 0;
    this.film.redraw();
  }

  place() {
    const { levels } = this.film.screen;
    this.node.hidden = !(this.on && this.at && levels.length);
    if (this.node.hidden || !this.at) return;
    const [x, y] = this.at;
    const { view, size, window } = this.film;
    const larger = (/** @type {number} */ start, /** @type {number} */ middle) => ACROSS / 2 - LARGER * (middle - start);
    this.painter.load(levels);
    this.painter.paint({ scale: LARGER * view.scale, left: larger(view.left, x), top: larger(view.top, y), turns: view.turns, flipped: view.flipped }, size, window);
    this.node.style.left = `${x - ACROSS / 2}px`;
    this.node.style.top = `${y - ACROSS / 2 - this.lift}px`;
  }
}
