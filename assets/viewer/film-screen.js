// @ts-check
/**
 * The canvas of a film: the shader where the browser has WebGL2, else (or once it loses it) the plain painter.
 *
 * @typedef {import("./film-geometry.js").Size} Size
 * @typedef {import("./film-pixels.js").Level} Level
 */
import { canvasPainter } from "./film-canvas.js";
import { make } from "./dom.js";
import { shaderPainter } from "./film-shader.js";

export class Screen {
  /** @param {HTMLElement} stage @param {() => void} again asked for when everything has to be painted anew */
  constructor(stage, again) {
    /** @type {Level[]} */ this.levels = [];
    this.again = again;
    /** @type {HTMLCanvasElement} */ this.canvas = make("canvas", { cls: "film-canvas" });
    stage.append(this.canvas);
    const shader = shaderPainter(this.canvas);
    this.painter = shader ?? canvasPainter(this.canvas);
    this.kind = shader ? "webgl2" : "2d";
    this.canvas.addEventListener("webglcontextlost", () => this.fallBack());
  }

  /** A canvas keeps its kind of context for life, so that another takes its place. */
  fallBack() {
    if (this.gone) return;
    const canvas = make("canvas", { cls: "film-canvas" });
    Object.assign(canvas, { width: this.canvas.width, height: this.canvas.height });
    this.canvas.replaceWith(canvas);
    this.canvas = canvas;
    this.painter = canvasPainter(canvas);
    this.kind = "2d";
    if (this.levels.length) this.painter.load(this.levels);
    this.again();
  }

  /** @param {Level[]} levels */
  load(levels) {
    this.levels = levels;
    this.painter.load(levels);
  }

  /** @param {Size} pane in screen pixels */
  resize({ width, height }) {
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
  }

  /** @param {import("./film-geometry.js").View} view @param {Size} size @param {import("./film-window.js").Window} window */
  paint({ scale, left, top, turns, flipped }, size, window) {
    if (!this.levels.length) return;
    const dots = devicePixelRatio;
    this.painter.paint({ scale: scale * dots, left: left * dots, top: top * dots, turns, flipped }, size, window);
  }

  destroy() {
    this.gone = true;
    this.painter.destroy();
    this.levels = [];
  }
}
