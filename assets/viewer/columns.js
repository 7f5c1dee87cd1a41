// @ts-check
/**
 * The columns beside the films, which fold away by a button or a key. A study beside the film needs the room of the left
 * one: it folds by itself then, and comes back with it, unless the reader has had a hand in it.
 */
import { button } from "./dom.js";

/** @typedef {"desk"|"record"} Column */

/** @type {Record<Column, {key: string, sign: string, names: [string, string]}>} */
const COLUMNS = {
  desk: { key: "[", sign: "⇤", names: ["Hide the worklist", "Show the worklist"] },
  record: { key: "]", sign: "⇥", names: ["Hide the findings", "Show the findings"] },
};

/** @param {import("./workbench.js").Workbench} bench @param {HTMLElement} room */
export function mountColumns(bench, room) {
  /** @type {Record<Column, boolean>} */ const folded = { desk: false, record: false };
  /** The left column was folded for a study beside the film. */ let lent = false;
  let compared = false;

  /** @param {Column} column @param {boolean} away */
  function fold(column, away) {
    folded[column] = away;
    room.classList.toggle(`no-${column}`, away);
    const { names, key } = COLUMNS[column];
    const name = names[away ? 1 : 0];
    buttons[column].setAttribute("aria-expanded", String(!away));
    buttons[column].setAttribute("aria-label", name);
    buttons[column].title = `${name} (${key})`;
  }

  /** @param {Column} column */
  function turn(column) {
    if (column === "desk") lent = false;
    fold(column, !folded[column]);
  }

  const make = (/** @type {Column} */ column) => button(COLUMNS[column].sign, () => turn(column), { cls: "plain fold", id: `fold-${column}`, "aria-controls": column });
  /** @type {Record<Column, HTMLButtonElement>} */ const buttons = { desk: make("desk"), record: make("record") };
  fold("desk", false);
  fold("record", false);

  bench.fold = turn;

  /** @param {boolean} now a study is beside the film */
  function show(now) {
    if (now === compared) return;
    compared = now;
    if (now && !folded.desk) {
      lent = true;
      fold("desk", true);
    } else if (!now && lent) {
      lent = false;
      fold("desk", false);
    }
  }

  return { buttons, show };
}
