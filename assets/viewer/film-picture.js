// @ts-check
/**
 * A film as it is seen: its values fetched, laid out in its pane, painted, and told in words around it. What is drawn on
 * it, and the hand that draws, come with film.js.
 *
 * @typedef {import("./film-geometry.js").Point} Point
 * @typedef {import("./film.js").FilmOptions} FilmOptions
 * @typedef {import("./film-sight.js").SightState & {shown?: boolean, facing?: number}} FilmState
 */
import { draw, make } from "./dom.js";
import { BoxLayer } from "./film-boxes.js";
import { sideEdges, toFilm } from "./film-geometry.js";
import { HeatLayer } from "./film-heat.js";
import { fetchFull, fetchPicture, halvings } from "./film-pixels.js";
import { Screen } from "./film-screen.js";
import { sidesNote } from "./film-sides.js";
import { Sight } from "./film-sight.js";
import { countValues, presetWindow } from "./film-window.js";

const MISSING = "No picture of this film is kept here.";
const SMALL_ONLY = "Small picture only: the full film is no longer kept here.";
const UNKNOWN_SIDE = 1000;

export class Picture extends Sight {
  /** @param {FilmOptions} options */
  constructor(options) {
    const [height, width] = options.sizeHw ?? [UNKNOWN_SIDE, UNKNOWN_SIDE * (options.ratio ?? 1)];
    super({ width, height });
    this.options = options;
    this.spacingMm = options.spacingMm ?? null;
    this.bits = 8;
    /** Its values in its file's own units. @type {import("./film-greys.js").Greys|null} */ this.greys = null;
    /** Which of the looks that its file offers is shown. */ this.facing = 0;
    /** Where the pointer is on the screen. @type {Point|null} */ this.pointer = null;
    this.leaving = new AbortController();
    this.asked = 0;
    /** The screen for which the film was laid out, "" before. */ this.laidOut = "";
    this.stage = make("div", {
      cls: "film-stage", tabindex: 0, role: "application", "aria-label": `${options.name}. Press ? for the keys.`,
    });
    /** What it takes of the page; film.js puts more around it. @type {HTMLElement} */ this.node = this.stage;
    this.screen = new Screen(this.stage, () => this.redraw());
    this.boxes = new BoxLayer();
    this.heat = new HeatLayer();
    this.overlay = draw("svg", { class: "film-overlay", "aria-hidden": "true" });
    /** @type {import("./film-pixels.js").Sides|null} null while it is not told */ this.sides = options.sides ?? null;
    this.marks = [
      make("span", { cls: "side right", text: "R", title: "The patient's right" }),
      make("span", { cls: "side left", text: "L", title: "The patient's left" }),
    ];
    this.windowed = make("span");
    this.value = make("span", { cls: "film-value" });
    this.message = make("p", { cls: "film-message", role: "status" });
    this.note = make("p", { cls: "note film-note" });
    this.flags = make("p", { cls: "film-flags" });
  }

  // Pixels

  async load() {
    const { preview, source, pixels } = this.options;
    const { signal } = this.leaving;
    const small = preview ?? source;
    const failed = () => signal.aborted || (this.message.textContent = this.screen.levels.length ? SMALL_ONLY : MISSING);
    if (small) await fetchPicture(small, signal).then((levels) => this.show(levels, "preview")).catch(pixels ? () => {} : failed);
    if (pixels && !signal.aborted) await fetchFull(pixels, signal).then((full) => this.showFull(full)).catch(failed);
  }

  /** @param {import("./film-pixels.js").Pixels} pixels */
  showFull({ greys, size, bits, spacingMm, sides }) {
    this.spacingMm ??= spacingMm;
    this.sides ??= sides;
    this.bits = bits;
    this.greys = greys;
    if (!greys.looks[this.facing]) this.facing = 0;
    this.resize(size, this.pane);
    this.emit("looks");
    this.show(halvings(greys.shown(this.facing)), "full");
  }

  /** Show the film by a look that its file offers, 0 is the one that it is opened with. @param {number} facing */
  face(facing) {
    if (!this.greys?.looks[facing] || facing === this.facing) return;
    this.facing = facing;
    this.show(halvings(this.greys.shown(facing)), "full");
  }

  /** A look of the file, from black to white as it says. @param {number} facing */
  showLook(facing) {
    this.face(facing);
    super.preset("default");
  }

  /** @param {import("./film-pixels.js").Level[]} levels @param {"preview"|"full"} kind */
  show(levels, kind) {
    if (this.leaving.signal.aborted) return;
    const [{ width, height, values }] = levels;
    if (kind === "preview" && !this.options.sizeHw) this.resize({ width, height }, this.pane);
    this.counts = countValues(values);
    if (this.presetName) this.window = presetWindow(this.presetName, this.counts);
    this.screen.load(levels);
    this.stage.dataset.shown = kind; // before it is painted: the readout tells it
    this.fitPane();
    this.emit("shown", kind);
  }

  /** Where keys have put a cross on the screen. @type {Point|null} */
  get cross() {
    return null;
  }

  /** What lies above the film comes to its place. */
  placeTools() {}

  // Painting

  fitPane() {
    this.node.style.setProperty("--ratio", String(this.size.width / this.size.height));
    const { clientWidth: width, clientHeight: height } = this.stage;
    if (!width || !height) return;
    const screen = `${innerWidth} ${innerHeight} ${Boolean(document.fullscreenElement)}`;
    if (this.laidOut === screen) this.keepScale({ width, height });
    else this.resize(this.size, { width, height });
    this.laidOut = screen;
    this.screen.resize(this.pane);
    this.overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.paint();
  }

  /** Paint once before the next frame, however often it is asked. */
  redraw() {
    this.asked ||= requestAnimationFrame(() => this.paint());
  }

  paint() {
    cancelAnimationFrame(this.asked);
    this.asked = 0;
    if (this.leaving.signal.aborted) return;
    this.screen.paint(this.view, this.size, this.window);
    this.heat.place(this.view, this.size);
    this.boxes.place(this.view, this.size, this.pane);
    this.placeTools();
    this.tell();
  }

  /** The words and letters around the film. */
  tell() {
    const { right, left } = sideEdges(this.view.turns, this.view.flipped);
    [this.marks[0].dataset.edge, this.marks[1].dataset.edge] = [right, left];
    for (const mark of this.marks) mark.hidden = !this.sides;
    this.note.textContent = this.note.title = sidesNote(this.sides, this.view);
    const { level, width, invert } = this.window;
    const part = (/** @type {number} */ value) => (100 * value).toFixed(width < 0.1 ? 2 : 0);
    const window = this.greys?.inUnits(this.window, this.facing) ?? `W ${part(width)} L ${part(level)}`;
    const zoom = Math.round(100 * this.view.scale * devicePixelRatio);
    const depth = this.stage.dataset.shown === "full" ? `${this.bits} bits` : "small picture";
    this.windowed.textContent = `${window}${invert ? " inverted" : ""} · ${zoom} % · ${depth}`;
    this.tellValue();
  }

  /** The film's own value at the pointer, or at the cross that keys move. */
  tellValue() {
    const at = this.pointer ?? this.cross;
    const [x, y] = at ? toFilm(this.view, this.size, at) : [-1, -1];
    const value = this.greys?.at(x / this.size.width, y / this.size.height);
    this.value.textContent = value ? ` · ${value}` : "";
  }

  /** A preset of the film as its file would have it opened, or of the look that is shown. @param {import("./film-window.js").Preset} preset */
  preset(preset) {
    if (preset === "default") this.face(0);
    super.preset(preset);
  }

  /** As it was when it was opened. */
  reset() {
    this.face(0);
    super.reset();
  }

  /** @returns {FilmState} */
  state() {
    return { ...super.state(), facing: this.facing };
  }

  /** @param {FilmState} state */
  restore(state) {
    if (this.greys) this.face(state.facing ?? 0);
    else this.facing = state.facing ?? 0; // until its values are there
    super.restore(state);
  }
}
