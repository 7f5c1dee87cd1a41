// @ts-check
/**
 * Paints a film without WebGL: for browsers that have none, for a lost context, and for the magnifier. The same levels
 * and the same window as the shader's, the nearest pixel instead of a mix of four.
 */
import { levelFor } from "./film-pixels.js";
import { toFilm } from "./film-geometry.js";
import { fillTable } from "./film-window.js";

/** @typedef {import("./film-shader.js").Painter} Painter */
const BLACK = 0xff000000;

/** @param {HTMLCanvasElement} canvas @returns {Painter} */
export function canvasPainter(canvas) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
  /** @type {import("./film-pixels.js").Level[]} */ let held = [];
  const table = new Uint32Array(65536);
  let tabled = "";

  return {
    load(levels) {
      held = levels;
    },
    paint(view, size, window) {
      const { width, height } = canvas;
      if (!width || !height) return;
      const wanted = `${window.level} ${window.width} ${window.invert}`;
      if (wanted !== tabled) fillTable(window, table);
      tabled = wanted;
      const { width: columns, height: rows, values } = held[levelFor(held, size.width, view.scale)];
      const picture = context.createImageData(width, height);
      const pixels = new Uint32Array(picture.data.buffer);
      // A quarter turn keeps rows and columns apart: the place in `values` is one part for x plus one for y.
      const index = (/** @type {number} */ u, /** @type {number} */ long, /** @type {number} */ count, /** @type {number} */ step) =>
        u < 0 || u >= long ? -1 : Math.min(Math.floor((u / long) * count), count - 1) * step;
      const along = new Int32Array(width);
      const sideways = view.turns % 2 === 1;
      for (let x = 0; x < width; x += 1) {
        const [u, v] = toFilm(view, size, [x + 0.5, 0]);
        along[x] = sideways ? index(v, size.height, rows, columns) : index(u, size.width, columns, 1);
      }
      for (let y = 0, to = 0; y < height; y += 1) {
        const [u, v] = toFilm(view, size, [0, y + 0.5]);
        const start = sideways ? index(u, size.width, columns, 1) : index(v, size.height, rows, columns);
        for (let x = 0; x < width; x += 1, to += 1) {
          pixels[to] = start < 0 || along[x] < 0 ? BLACK : table[values[start + along[x]]];
        }
      }
      context.putImageData(picture, 0, 0);
    },
    destroy() {
      held = [];
    },
  };
}
