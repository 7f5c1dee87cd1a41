// @ts-check
/**
 * The marks of one film: kept with its reading while its pane comes and goes. Every change can be undone.
 *
 * @typedef {import("./film-measures.js").Mark} Mark
 */
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

  /** @param {Mark} mark */
  add(mark) {
    this.change([...this.marks, mark], `${mark.kind} drawn`);
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
