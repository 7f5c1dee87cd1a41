// @ts-check
/**
 * A film with its tools: window, zoom, pan, rotate, magnifier, lengths, boxes. Own code, because what pip can install
 * does not do it: ipyniivue (NiiVue, made for volumes in notebooks) neither turns a film by quarters nor names and
 * changes boxes, OpenSeadragon shows 8-bit tiles without a window, and Gradio's annotators are 8 bits deep as well.
 *
 * This class joins the parts; each file beside it (film-*.js) is one of them. Nothing asks the server after loading.
 *
 * @typedef {import("./film-geometry.js").Point} Point
 * @typedef {import("./film-geometry.js").Box} Box
 * @typedef {import("./film-boxes.js").Finding} Finding
 * @typedef {import("./film-picture.js").FilmState} FilmState
 * @typedef {object} FilmOptions
 * @property {string} [source] address of a picture, where there is no `preview`
 * @property {string} [preview] address of the small picture that comes first
 * @property {string} [pixels] address of the film at full depth (lofi/ui/packed.py)
 * @property {number} [ratio] width / height, where `sizeHw` is not known
 * @property {[number, number]|null} [sizeHw] height and width of the film in pixels
 * @property {[number, number]|null} [spacingMm] row and column spacing; else what comes with the pixels
 * @property {string} [spacingAt] where the spacing holds: "patient", "detector", "" where nothing tells
 * @property {import("./film-pixels.js").Sides} [sides] how the patient's sides are known, which R and L then mark; else what
 *   comes with the pixels
 * @property {string} [frame] class of the frame, "query" or "compared"
 * @property {string} name what the film is: its heading
 * @property {string} [title] what is known of it, beside the name
 * @property {boolean} [looks] where the model looks can be asked for: "heat" is told
 * @property {Sheet} [sheet] its marks, where they outlive the pane
 * @property {import("./film-keys.js").Told[]} [moreKeys] keys of the page around it, for the list of keys
 */
import { make } from "./dom.js";
import { Hand } from "./film-hand.js";
import { hintOf } from "./film-hints.js";
import { keySheet, listenToKeys } from "./film-keys.js";
import { Magnifier } from "./film-magnifier.js";
import { Picture } from "./film-picture.js";
import { Sheet } from "./film-sheet.js";
import { toolbar } from "./film-toolbar.js";
import { listen } from "./film-tools.js";

/** @typedef {Film} FilmPane */

/** A film, ready to be put into the page. @param {FilmOptions} options @returns {FilmPane} */
export function createFilm(options) {
  return new Film(options);
}

export class Film extends Picture {
  /** @param {FilmOptions} options */
  constructor(options) {
    super(options);
    this.magnifier = new Magnifier(this);
    this.sheet = options.sheet ?? new Sheet();
    this.hand = new Hand(this, this.sheet);
    this.overlay.append(this.boxes.node, this.hand.marks.node, this.hand.boxing.node, this.hand.cross);
    this.hinted = make("div", { cls: "film-hint", role: "status" });
    this.stage.append(this.heat.canvas, this.overlay, this.magnifier.node, ...this.marks, make("p", { cls: "film-readout" }, this.windowed, this.value), this.message, this.hinted, this.heat.caption);
    this.keys = keySheet(options.moreKeys);
    this.bar = toolbar(this);
    this.node = make("figure", { cls: `pane film ${options.frame ?? ""}` },
      make("figcaption", {}, make("span", { cls: "who", text: options.name }), make("span", { cls: "about", text: options.title ?? "" }), this.flags, this.note),
      this.stage, this.bar.node, this.keys); // the film before its twenty buttons, for Tab; film.css puts them above

    this.attend();
    this.fitPane();
    /** Settled once all has arrived that will. */ this.loaded = this.load();
  }

  attend() {
    listen(this.stage, {
      tool: (touch, at) => (touch && this.magnifier.on ? { cursor: "none", move: () => {} } : this.hand.toolAt(at)),
      panTool: this.hand.panTool,
      click: (at) => this.choose(this.boxes.at(at, this.view, this.size)),
      hover: (at, touch) => this.hover(at, touch),
      zoom: (at, factor) => this.zoomBy(factor, at),
    });
    listenToKeys(this);
    // A key after a click makes a browser draw its frame for the keyboard's focus; beside a film it dazzles.
    this.stage.addEventListener("pointerdown", () => { this.stage.dataset.clicked = ""; });
    this.stage.addEventListener("blur", () => { delete this.stage.dataset.clicked; });
    this.observer = new ResizeObserver(() => this.fitPane());
    this.observer.observe(this.stage);
  }

  /** @param {Point|null} at screen point, null where the pointer left @param {boolean} touch */
  hover(at, touch) {
    this.pointer = at;
    this.tellValue();
    this.magnifier.follow(at, touch);
    if (at && !touch) this.hand.tool.hover?.(at);
    if (!touch && !this.hand.busy && this.boxes.hover(at, this.view, this.size)) this.redraw();
  }

  /** @override */
  get cross() {
    return this.hand.at;
  }

  /** @override */
  placeTools() {
    this.hand.place();
    this.magnifier.place();
    this.bar.update();
    this.stage.style.cursor = this.hand.tool.cursor;
  }

  /** What has to be known of the film, in the line of its name: nothing above a film may push it down. @param {string[]} flags */
  tellFlags(flags) {
    this.flags.textContent = this.flags.title = flags.join(" ");
  }

  // Boxes

  /** @param {Finding[]} findings */
  setFindings(findings) {
    this.boxes.setFindings(findings);
    this.redraw();
  }

  /** @param {number} opacity 0–1 */
  setOpacity(opacity) {
    this.boxes.node.style.opacity = String(opacity);
  }

  /** Lay a heat map over the film, or take it away. @param {import("./film-heat.js").Heat|null} heat */
  setHeat(heat) {
    if (heat === this.heat.heat) return;
    this.heat.set(heat);
    this.redraw();
  }

  /** Show no box of a lower score. @param {number} threshold 0–1 */
  setThreshold(threshold) {
    this.boxes.threshold = threshold;
    this.boxes.rebuild();
    this.redraw();
  }

  /** All boxes away, or back. */
  showBoxes(shown = !this.boxes.shown) {
    this.boxes.shown = shown;
    this.boxes.rebuild();
    this.changed();
  }

  /** The names and numbers beside the boxes away, or back. */
  showLabels() {
    this.boxes.labelled = !this.boxes.labelled;
    this.boxes.rebuild();
    this.changed();
  }

  /** @param {import("./film-boxes.js").Chosen|null} chosen null beside all boxes: the choice stays */
  choose(chosen) {
    if (!chosen || this.hand.busy) return;
    this.boxes.chosen = chosen;
    this.boxes.rebuild();
    this.redraw();
    this.emit("select", this.boxes.findings[chosen.finding].phrase, chosen.box);
  }

  /** Choose the next box, or the one before. @param {1|-1} by */
  step(by) {
    this.choose(this.boxes.next(by));
  }

  /** Let the reader draw boxes, [x0, y0, x1, y1] in 0–1 of the film; null ends it. @param {((box: Box) => void)|null} onBox */
  draw(onBox) {
    this.hand.draw(onBox);
  }

  /** Let the reader move and resize a box; null ends it. @param {number|null} finding @param {number} [box] @param {(box: Box) => void} [onChange] */
  edit(finding, box = 0, onChange = () => {}) {
    this.hand.edit(finding, box, onChange);
  }

  // Around

  /** The film with the phrases and findings beside it, where it stands in a room; else by itself. */
  async fullScreen() {
    /** @type {HTMLElement} */ const whole = this.node.closest(".lofi") ?? this.node;
    if (document.fullscreenElement) await document.exitFullscreen();
    else if (whole.requestFullscreen) await whole.requestFullscreen().catch(() => whole.classList.toggle("filling"));
    else whole.classList.toggle("filling"); // telephones that give it to videos only
  }

  help() {
    this.keys.showModal();
    this.keys.scrollTop = 0; // the focus is on the button below the list
  }

  /** Take a tool that draws marks; that of the ratio again: ask for the model's lines. @param {import("./film-measures.js").MarkKind} kind */
  take(kind) {
    if (kind === "ratio" && this.hand.name === kind && this.listeners.has(kind)) this.emit(kind);
    else this.hand.take(kind);
  }

  /** How the tool in hand is used. */
  hint() {
    this.hinted.replaceChildren(...hintOf(this));
  }

  /** As it was when it was opened; marks stay. */
  reset() {
    if (this.magnifier.on) this.magnifier.toggle();
    if (!this.boxes.shown) this.showBoxes(true);
    super.reset();
  }

  /** @returns {FilmState} */
  state() {
    return { ...super.state(), shown: this.boxes.shown };
  }

  /** @param {FilmState} state */
  restore(state) {
    this.boxes.shown = state.shown ?? true;
    this.boxes.rebuild();
    super.restore(state);
  }

  /** Give back what a browser has few of. */
  destroy() {
    this.leaving.abort();
    this.hand.marks.destroy();
    this.link(null);
    this.observer?.disconnect();
    this.screen.destroy();
    this.node.remove();
  }
}
