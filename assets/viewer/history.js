// @ts-check
/**
 * What a reader did on a film, to be undone and done again: marks, verdicts, boxes drawn.
 *
 * @typedef {{says: string, undo: () => any, redo: () => any, reader?: string}} Deed `undo` and `redo` may take a while; a
 *   promise of false says that it did not come about; `reader`: whose verdict it is
 */

/** Deeds that are remembered; older ones stay done. */
const MOST = 200;

export class History {
  constructor() {
    /** @type {Deed[]} */ this.done = [];
    /** @type {Deed[]} */ this.undone = [];
    this.busy = false;
    /** Told in words what was undone, or done again. @type {(sentence: string) => void} */ this.tell = () => {};
  }

  /** Something was done. @param {Deed} deed */
  add(deed) {
    this.done = [...this.done.slice(1 - MOST), deed];
    this.undone = [];
  }

  /** Only what anybody did, and what this reader said. @param {string} reader initials */
  keepOf(reader) {
    for (const list of /** @type {const} */ (["done", "undone"])) this[list] = this[list].filter((deed) => !deed.reader || deed.reader === reader);
  }

  undo() {
    return this.step("done", "undone", "undo", "Undone");
  }

  redo() {
    return this.step("undone", "done", "redo", "Done again");
  }

  /** @param {"done"|"undone"} from @param {"done"|"undone"} to @param {"undo"|"redo"} how @param {string} word */
  async step(from, to, how, word) {
    const deed = this[from].at(-1);
    if (this.busy) return;
    if (!deed) return this.tell(how === "undo" ? "Nothing to undo." : "Nothing to do again.");
    this.busy = true; // an undo that waits for the server must not be overtaken by the next
    try {
      if ((await deed[how]()) === false) return;
    } finally {
      this.busy = false;
    }
    this[from] = this[from].filter((one) => one !== deed);
    this[to] = [...this[to], deed];
    this.tell(`${word}: ${deed.says}.`);
  }
}

/** Undo or redo, where keys ask for it. @param {KeyboardEvent} event @param {History|undefined} history */
export function undoKeys(event, history) {
  if (!history || !(event.ctrlKey || event.metaKey) || event.altKey) return false;
  const key = event.key.toLowerCase();
  if (key !== "z" && !(key === "y" && !event.shiftKey)) return false;
  event.preventDefault();
  if (key === "y" || event.shiftKey) history.redo();
  else history.undo();
  return true;
}
