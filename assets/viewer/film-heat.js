// @ts-check
/**
 * A heat map over a film: in its phrase's colour, the more opaque the hotter, with its words and a slider. It covers the
 * whole film, so that it turns, zooms and is mirrored with it.
 *
 * @typedef {{width: number, height: number, map: string, peak: number, said: string}} HeatAnswer `map`: bytes in base64
 * @typedef {{answer: HeatAnswer|null, phrase: string, colour: string, told: string}} Heat `told` in place of an answer
 */
import { make, percent } from "./dom.js";
import { toScreen } from "./film-geometry.js";

const OPACITY = 0.6;

export class HeatLayer {
  constructor() {
    /** @type {HTMLCanvasElement} */ this.canvas = make("canvas", { cls: "film-heat", width: 1, height: 1, hidden: "" });
    this.words = make("span", {});
    const slider = make("input", { type: "range", min: "0.1", max: "1", step: "0.05", "aria-label": "Opacity of the heat map",
      oninput: () => {
        this.canvas.style.opacity = slider.value;
      } });
    slider.value = String(OPACITY);
    this.canvas.style.opacity = slider.value;
    this.caption = make("div", { cls: "film-heat-said", role: "status", hidden: "" }, this.words, slider);
    for (const name of ["pointerdown", "keydown", "wheel"]) slider.addEventListener(name, (/** @type {Event} */ event) => event.stopPropagation());
    this.slider = slider;
    /** @type {Heat|null} */ this.heat = null;
  }

  /** @param {Heat|null} heat */
  set(heat) {
    if (heat === this.heat) return;
    this.heat = heat;
    this.caption.hidden = !heat;
    this.canvas.hidden = !heat?.answer;
    this.slider.hidden = !heat?.answer;
    this.words.textContent = !heat ? "" : heat.answer ? `${heat.phrase}, strongest ${percent(heat.answer.peak)}. ${heat.answer.said}` : heat.told;
    if (heat?.answer) paint(this.canvas, heat.answer, heat.colour);
  }

  /** @param {import("./film-geometry.js").View} view @param {import("./film-geometry.js").Size} size */
  place(view, size) {
    if (this.canvas.hidden) return;
    const { width, height } = this.canvas;
    const [[x, y], [ax, ay], [bx, by]] = /** @type {[number, number][]} */ ([[0, 0], [size.width, 0], [0, size.height]]).map((point) => toScreen(view, size, point));
    const matrix = [(ax - x) / width, (ay - y) / width, (bx - x) / height, (by - y) / height, x, y];
    this.canvas.style.transform = `matrix(${matrix.join(",")})`;
  }
}

/** @param {HTMLCanvasElement} canvas @param {HeatAnswer} answer @param {string} colour #rrggbb */
function paint(canvas, { width, height, map }, colour) {
  Object.assign(canvas, { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const picture = context.createImageData(width, height);
  const ink = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const bytes = atob(map);
  for (let at = 0; at < width * height; at += 1) picture.data.set([...ink, bytes.charCodeAt(at)], 4 * at);
  context.putImageData(picture, 0, 0);
}
