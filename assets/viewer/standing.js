// @ts-check
/**
 * Which boxes stand after the review, and whose each is: a reader's box bears the reader's initials and nothing that
 * the model said. lofi/export/case.py counts and numbers them in the same way.
 */
import { boxSureness } from "./lines.js";

/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {import("./reading.js").Finding} Finding */
/** @typedef {import("./reading.js").Box} Box */
/**
 * @typedef {object} Standing a box that is drawn
 * @property {Box} box
 * @property {number|undefined} score the model's, undefined of a reader's box
 * @property {string} by initials of who drew it, "" for the model
 * @property {number} number of the verdict, from 0
 * @property {number} shown the number that a person sees, from 1
 */

/** Boxes of which every edge is nearer than this are one. */
const SAME = 0.005;

/** @param {Finding} finding @param {number} number */
export const boxSubject = (finding, number) => `box ${finding.phrase} ${number}`;
/** @param {Finding} finding */
export const phraseSubject = (finding) => `phrase ${finding.phrase}`;

/** Whether a verdict was said of this box of the model, and not of another that had its number then. @param {any} said @param {Box} box */
const isOf = (said, box) => said.decision !== "added" && (!said.model_box || box.every((edge, index) => Math.abs(edge - said.model_box[index]) < SAME));

/** What the reader said of a box of the model. @param {Reading} reading @param {Finding} finding @param {number} number */
export function saidOf(reading, finding, number) {
  const said = reading.verdicts.get(boxSubject(finding, number));
  return said && finding.boxes[number] && isOf(said, finding.boxes[number]) ? said : undefined;
}

/** The boxes that are the reader's alone. @param {Reading} reading @param {Finding} finding @returns {Standing[]} */
export function added(reading, finding) {
  const own = [...reading.verdicts.values()].filter((said) => said.kind === "box" && said.phrase === finding.phrase && said.box && saidOf(reading, finding, said.number) !== said);
  let shown = finding.boxes.length;
  return own.sort((one, other) => one.number - other.number).map((said) => {
    shown = Math.max(shown + 1, said.number + 1);
    return { box: said.box, score: undefined, by: said.reader, number: said.number, shown };
  });
}

/** The boxes of a phrase after the review: without the rejected, with the moved and the added. @param {Reading} reading @param {Finding} finding @returns {Standing[]} */
export function standing(reading, finding) {
  if (reading.verdicts.has(phraseSubject(finding))) return [];
  const sure = boxSureness(finding);
  const after = finding.boxes.flatMap((box, number) => {
    const said = saidOf(reading, finding, number);
    if (said?.decision === "rejected") return [];
    const place = { number, shown: number + 1 };
    return [said?.box ? { box: said.box, score: undefined, by: said.reader, ...place } : { box, score: sure[number], by: "", ...place }];
  });
  return [...after, ...added(reading, finding)];
}

/** The boxes of a phrase as a film pane draws them. @param {Reading} reading @param {Finding} finding */
export function drawnBoxes(reading, finding) {
  const boxes = standing(reading, finding);
  const several = finding.boxes.length > 1 || boxes.some((one) => one.shown > 1);
  return {
    boxes: boxes.map((one) => one.box), scores: boxes.map((one) => one.score), by: boxes.map((one) => one.by),
    numbers: boxes.map((one) => (several ? one.shown : 0)), guess: finding.guess,
  };
}
