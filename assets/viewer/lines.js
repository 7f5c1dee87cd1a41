// @ts-check
/**
 * The look of a phrase: its colour and dash wherever it appears, and its answer in words.
 */
import { draw, percent } from "./dom.js";

/** @typedef {import("./reading.js").Finding} Finding */

/** Colour, dash and mark of a phrase's number; six colours and five dashes give thirty looks. @param {any} offer @param {number} number */
export function look(offer, number) {
  const colours = offer?.colours || ["#56b4e9"];
  const dashes = offer?.dashes || [""];
  return { colour: colours[number % colours.length], dash: dashes[number % dashes.length], mark: String(number + 1) };
}

/** A sample of a phrase's line. @param {{colour: string, dash: string}} line */
export function sample(line) {
  const picture = draw("svg", { viewBox: "0 0 28 10", class: "sample", "aria-hidden": "true" });
  const stroke = draw("line", { x1: 1, y1: 5, x2: 27, y2: 5, "stroke-width": 3, "stroke-dasharray": line.dash });
  stroke.style.stroke = line.colour;
  picture.append(stroke);
  return picture;
}

/** What a question that waits for other readers' is told: "" once its turn has come. @param {number} place @param {number} seconds */
export function inLine(place, seconds) {
  if (!place) return "";
  const ending = (place % 100 > 10 && place % 100 < 20 ? undefined : ["", "st", "nd", "rd"][place % 10]) || "th";
  return `Busy with other readers: you are ${place === 1 ? "next" : `${place}${ending}`}, about ${Math.max(1, Math.round(seconds))} s.`;
}

/** What is known of a phrase, in words. @param {Finding} finding */
export function verdict(finding) {
  if (finding.state === "waiting") return "waiting";
  if (finding.state === "looking") return "looking…";
  if (finding.state === "failed") return "not answered";
  if (finding.state === "absent") return "said to be absent";
  if (finding.state === "held") return "not asked";
  return finding.answer || (finding.found ? "found" : "not found");
}

/** Whether the model was asked, and answered. @param {Finding} finding */
export const wasAsked = (finding) => !["denied", "not understood", "no answer"].includes(finding.answer);

/**
 * How sure the model is of each box, for labels and the threshold: the phrase's confidence for the best box, so that one
 * number stands everywhere, and its share of it for each other box.
 * @param {{confidence: number, scores: number[]}} answer
 */
export function boxSureness({ confidence, scores }) {
  const best = Math.max(...scores, 1e-9);
  return scores.map((score) => (confidence * score) / best);
}

/** Age and the like of a study, only what is known. @param {any} hit */
export function facts(hit) {
  const age = hit.age === null || hit.age === undefined ? "" : `${Math.floor(hit.age)} y`;
  return [hit.view, hit.sex, age, hit.source].filter(Boolean).join(" · ");
}

/** How close a hit is, in a few signs: a share of the gallery's own similarities, or the cosine. @param {any} hit */
export function closeness(hit) {
  const share = hit.closer_than;
  if (share === null || share === undefined) return hit.similarity.toFixed(2);
  return `${(100 * Math.min(share, 0.999)).toFixed(share > 0.985 ? 1 : 0)} %`;
}

/** The same in words. @param {any} hit */
export function nearness(hit) {
  const known = hit.closer_than !== null && hit.closer_than !== undefined;
  return known ? `closer than ${closeness(hit)} of the gallery` : `similarity ${closeness(hit)}`;
}
