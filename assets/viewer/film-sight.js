// @ts-check
/**
 * How a film is looked at: window, zoom, place, turn; what a reader does with them; and the film that follows along.
 * Knows nothing of the page: a film (film.js) says how it is drawn again.
 *
 * @typedef {import("./film-geometry.js").Point} Point
 * @typedef {import("./film-geometry.js").Size} Size
 * @typedef {import("./film-geometry.js").View} View
 * @typedef {import("./film-window.js").Window} Window
 * @typedef {import("./film-window.js").Preset} Preset
 * @typedef {{window: Window, preset: Preset|null, place: import("./film-geometry.js").Place, turns: number, flipped?: boolean}} SightState
 */
import * as geometry from "./film-geometry.js";
import { presetWindow, WHOLE, windowDragged } from "./film-window.js";

/** A film as large as its pane, but for rounding. */
const WHOLE_WITHIN = 0.005;

export class Sight {
  /** @param {Size} size of the film in its own pixels */
  constructor(size) {
    this.size = size;
    /** Size of the pane in screen pixels; that of the film until it is on the page. @type {Size} */ this.pane = size;
    this.view = geometry.fitted(size, size, 0);
    /** @type {import("./film-geometry.js").Place} */ this.place = { zoom: 1, centre: [0.5, 0.5] };
    /** @type {Window} */ this.window = WHOLE;
    /** The preset in force, null after a change by hand. @type {Preset|null} */ this.presetName = "default";
    /** How many pixels have each value. @type {Uint32Array} */ this.counts = new Uint32Array(65536);
    /** @type {Sight|null} */ this.other = null;
    /** Linked by the other one, which keeps the scale of both. */ this.led = false;
    /** @type {Map<string, ((...told: any[]) => void)[]>} */ this.listeners = new Map();
  }

  /** Draw again soon. */
  redraw() {}

  /** Be told of "select" (phrase, index), "change" (state), "shown" (preview or full), "stop" (tool). @param {string} event @param {(...told: any[]) => void} listener */
  on(event, listener) {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
  }

  /** @param {string} event @param {...any} told */
  emit(event, ...told) {
    for (const listener of this.listeners.get(event) ?? []) listener(...told);
  }

  /** The reader has changed what is seen. */
  changed() {
    this.redraw();
    if (this.other) this.other.follow(this);
    this.emit("change", this.state());
  }

  // Place

  /** @param {View} view */
  look(view) {
    this.view = view;
    this.place = geometry.placeOf(view, this.size, this.pane);
    this.changed();
  }

  /** The same place on a film, or in a pane, of another size. @param {Size} size @param {Size} pane */
  resize(size, pane) {
    this.size = size;
    this.pane = pane;
    this.view = geometry.viewAt(this.place, size, pane, this.view.turns, this.view.flipped);
  }

  /** Another pane, the same scale: what a column or a second film takes is not taken from the size of this one. A film that was seen whole grows with its pane. @param {Size} pane */
  keepScale(pane) {
    if (this.led) return this.resize(this.size, pane); // the other film says how large both are
    const { scale, turns } = this.view;
    const fit = geometry.fitted(this.size, pane, turns).scale;
    const whole = Math.abs(this.place.zoom - 1) < WHOLE_WITHIN;
    this.place = { ...this.place, zoom: whole && fit > scale ? 1 : scale / fit };
    this.resize(this.size, pane);
    return this.other?.follow(this);
  }

  /** @param {number} dx @param {number} dy screen pixels */
  panBy(dx, dy) {
    this.look(geometry.panned(this.view, this.size, this.pane, dx, dy));
  }

  /** @param {number} factor @param {Point} [at] what lies there stays there */
  zoomBy(factor, at = [this.pane.width / 2, this.pane.height / 2]) {
    this.look(geometry.zoomed(this.view, this.size, this.pane, at, factor));
  }

  fit() {
    this.look(geometry.fitted(this.size, this.pane, this.view.turns, this.view.flipped));
  }

  /** A film pixel for each pixel of the screen. */
  actual() {
    this.zoomBy(1 / (devicePixelRatio * this.view.scale));
  }

  /** @param {number} quarters clockwise */
  turn(quarters) {
    const way = this.view.flipped ? -quarters : quarters; // what is seen turns clockwise
    this.look(geometry.turned(this.view, this.size, this.pane, way));
  }

  /** Mirror it left to right, for display alone: its own coordinates stay. */
  flip() {
    this.look(geometry.mirrored(this.view, this.size, this.pane));
  }

  /** As it was when it was opened. */
  reset() {
    this.window = WHOLE;
    this.presetName = "default";
    this.look(geometry.fitted(this.size, this.pane, 0));
  }

  // Window

  /** @param {Window} window @param {Preset|null} [preset] */
  setWindow(window, preset = null) {
    this.window = window;
    this.presetName = preset;
    this.changed();
  }

  /** @param {number} dx @param {number} dy in parts of the pane */
  windowBy(dx, dy) {
    this.setWindow(windowDragged(this.window, dx, dy));
  }

  /** @param {Preset} preset */
  preset(preset) {
    this.setWindow(presetWindow(preset, this.counts), preset);
  }

  invert() {
    this.setWindow({ ...this.window, invert: !this.window.invert });
  }

  // Together, and again

  /** Share window, zoom and place with another film from now on, or with none; turns stay each film's own. @param {Sight|null} other */
  link(other) {
    if (this.other) Object.assign(this.other, { other: null, led: false });
    Object.assign(this, { other, led: false });
    if (!other) return;
    if (other.other) other.other.other = null;
    Object.assign(other, { other: this, led: true });
    other.follow(this);
  }

  /** @param {Sight} other */
  follow({ window, presetName, place }) {
    this.window = window;
    this.presetName = presetName;
    this.place = place;
    this.resize(this.size, this.pane);
    this.redraw();
  }

  /** What brings the film back to how it is seen now. @returns {SightState} */
  state() {
    return { window: this.window, preset: this.presetName, place: this.place, turns: this.view.turns, flipped: this.view.flipped };
  }

  /** @param {SightState} state */
  restore({ window, preset, place, turns, flipped }) {
    this.window = window;
    this.presetName = preset;
    this.place = place;
    this.view = { ...this.view, turns, flipped };
    this.resize(this.size, this.pane);
    this.redraw();
  }
}
