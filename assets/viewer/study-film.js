// @ts-check
/**
 * The film of a case with its boxes, and a similar study beside it.
 *
 * @typedef {import("./study-reading.js").Box} Box
 * @typedef {import("./study-reading.js").Reading} Reading
 * @typedef {import("./study-reading.js").Row} Row
 * @typedef {import("./study-reading.js").Hit} Hit
 * @typedef {{chose: (key: string) => void, drew: (box: Box) => void, stopped: () => void}} Listener
 */
import { address, make } from "./dom.js";
import { createFilm } from "./film.js";
import { STUDY_KEYS } from "./study-panel.js";

export class StudyFilm {
  constructor() {
    this.node = make("div", { cls: "study-films" });
    /** @type {any} */ this.pane = null;
    /** @type {any} */ this.other = null;
    /** Id of the similar study that is shown beside. */ this.compared = "";
    /** A box is being drawn or moved. */ this.busy = false;
    /** Row keys of the boxes on the film, by the name that is written at each. @type {Map<string, string>} */ this.named = new Map();
    /** @type {Listener} */ this.listener = { chose() {}, drew() {}, stopped() {} };
  }

  /** @param {Listener} listener */
  on(listener) {
    this.listener = listener;
  }

  /** @param {import("./study-reading.js").Sheet} sheet @param {string} name */
  open(sheet, name) {
    this.clear();
    const { film, sha256 } = sheet;
    this.node.dataset.film = sha256;
    if (!film) {
      this.node.replaceChildren(make("p", { cls: "missing", text: "No picture." }));
      return;
    }
    const { height, width } = film.size;
    const about = [film.view, `${width} × ${height}`].filter(Boolean).join(" · ");
    this.pane = createFilm({
      source: sha256, preview: address("film", { sha256 }), pixels: address("pixels", { sha256 }), ratio: width / height,
      sizeHw: [height, width], spacingMm: film.spacing_mm, spacingAt: film.spacing_at, sides: film.sides, frame: "query", name, title: about, moreKeys: STUDY_KEYS,
    });
    this.pane.on("select", (/** @type {string} */ phrase) => {
      const key = this.named.get(phrase);
      if (key && !this.busy) this.listener.chose(key);
    });
    this.pane.on("stop", () => {
      // Told once the film has put the tool down, and not for a change that the page itself made.
      if (this.busy) setTimeout(() => this.stopped(), 0);
    });
    const flags = film.flags.map((/** @type {string} */ text) => make("p", { cls: "flag", text }));
    this.node.replaceChildren(make("div", { cls: "study-seat" }, ...flags, this.pane.node));
  }

  stopped() {
    this.busy = false;
    this.listener.stopped();
  }

  /** The boxes as they stand; rejected ones dotted. @param {Reading} reading @param {(phrase: string) => {colour: string, dash: string}} look */
  show(reading, look) {
    const boxed = reading.rows().filter((row) => row.box);
    const names = boxed.map((row) => `${row.place} ${row.phrase}`);
    this.named = new Map(boxed.map((row, at) => [names[at], row.key]));
    this.pane?.setFindings(boxed.map((row, at) => ({
      phrase: names[at], boxes: [row.box], scores: row.score === null ? [] : [row.score], ...look(row.phrase),
      by: [row.own || ["moved", "redrawn"].includes(row.decision) ? "yours" : ""],
      dotted: row.decision === "rejected", selected: row.key === reading.currentKey,
    })));
    this.keys = boxed.map((row) => row.key);
  }

  /** Take a box in hand, or begin a new one. @param {"move"|"draw"} how @param {string} key of the box to move */
  start(how, key) {
    if (!this.pane) return;
    const at = (this.keys ?? []).indexOf(key);
    if (how === "move" && at < 0) return;
    if (how === "move") this.pane.edit(at, 0, (/** @type {Box} */ box) => this.listener.drew(box));
    else this.pane.draw((/** @type {Box} */ box) => this.listener.drew(box));
    this.busy = true;
  }

  stop() {
    if (!this.busy) return;
    this.busy = false;
    this.pane?.draw(null);
    this.pane?.edit(null, 0, () => {});
  }

  /** @param {Hit|null} hit @param {number} number @param {() => void} closed */
  compare(hit, number, closed) {
    this.pane?.link(null);
    this.other?.destroy();
    this.other = null;
    this.compared = hit?.study_id ?? "";
    this.node.querySelector(".study-seat.compared")?.remove();
    if (!hit) return;
    const { study_id } = hit;
    this.other = createFilm({
      source: study_id, preview: address("study", { study_id }), pixels: address("study_pixels", { study_id }),
      sizeHw: null, spacingMm: null, frame: "compared", name: `Similar study ${number}`, title: hit.view,
    });
    const close = make("button", { type: "button", text: "Close", onclick: () => {
      this.compare(null, 0, closed);
      closed();
    } });
    this.node.append(make("div", { cls: "study-seat compared" }, close, this.other.node));
    this.pane?.link(this.other);
  }

  clear() {
    this.stop();
    this.compare(null, 0, () => {});
    this.pane?.destroy();
    this.pane = null;
    this.node.replaceChildren();
  }
}
