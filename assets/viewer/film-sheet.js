// @ts-check
/**
 * The marks of one film: kept with its reading while its pane comes and goes. Every change can be undone.
 *
 * @typedef {import("./film-measures.js").Mark} Mark
 */
import { isPoint } from "./film-measures.js";
import { History } from "./history.js";

export class Sheet {
  constructor(history = new History()) {
    this.history = history;
    /** @type {Mark[]} */ this.marks = [];
    /** Told after every change. @type {Set<() => void>} */ this.heard = new Set();
  }

  /** @param {Mark[]} marks */
  put(marks) {
    this.marks = marks;
    for (const listener of this.heard) listener();
  }

  /** Other marks from now on. @param {Mark[]} marks @param {string} says what was done */
  change(marks, says) {
    const before = this.marks;
    this.history.add({ says, undo: () => this.put(before), redo: () => this.put(marks) });
    this.put(marks);
  }

  /** A mark whose ends lie on one point is none. @param {Mark} mark */
  add(mark) {
    if (!isPoint(mark)) this.change([...this.marks, mark], `${mark.kind} drawn`);
  }

  /** Another mark in the place of one; it stays as it was where the other is none. @param {number} place @param {Mark} mark */
  replace(place, mark) {
    if (isPoint(mark)) this.put(this.marks);
    else this.change(this.marks.map((old, at) => (at === place ? mark : old)), `${mark.kind} moved`);
  }

  /** @param {number} place from the end where negative */
  remove(place) {
    const mark = this.marks.at(place);
    if (mark) this.change(this.marks.filter((one) => one !== mark), `${mark.kind} removed`);
  }

  clear() {
    if (this.marks.length) this.change([], "all marks removed");
  }
}
