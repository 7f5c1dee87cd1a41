// @ts-check
/**
 * What differs between two films, one line for each phrase, and what such lines are worth: pure functions.
 */
import { verdict } from "./lines.js";
import { daysTo, samePatient } from "./same-patient.js";
import { standing } from "./standing.js";

/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {import("./reading.js").Finding} Finding */
/** @typedef {import("./reading.js").Box} Box */

/** A change of area below this is within what the model's boxes vary by: it is not told. */
const LEAST_CHANGE = 0.25;
/** @type {Record<string, string>} answers as chances in words */
const CHANCES = { found: "likely", unsure: "unsure", "not found": "unlikely" };

/** The same phrase on another film. @param {Reading} other @param {string} phrase */
export const findingOf = (other, phrase) => other.findings.find((one) => one.phrase.toLowerCase() === phrase.toLowerCase());

/** @param {Reading} one @param {Reading} other @returns {[string, string]} how the two are called in a line */
function names(one, other) {
  const days = daysTo(one, other);
  if (days) return days < 0 ? ["now", "before"] : ["before", "now"];
  return [`on ${one.name}`, `on ${other.name}`];
}

/** What the reader says of a finding, "" where nothing was said. @param {Reading} reading @param {Finding} finding */
function said(reading, finding) {
  const of = [...reading.verdicts.values()].filter((one) => one.phrase === finding.phrase);
  if (of.some((one) => one.kind === "phrase")) return "absent by your review";
  const boxes = of.filter((one) => one.kind === "box");
  if (boxes.some((one) => one.decision !== "rejected")) return "there by your review";
  return finding.boxes.length && boxes.length === finding.boxes.length ? "absent by your review" : "";
}

/** @param {Reading} reading @param {Finding} finding */
const stance = (reading, finding) => said(reading, finding) || CHANCES[finding.answer] || verdict(finding);

/** Area that the boxes cover together, each spot once. @param {Box[]} boxes */
export function covered(boxes) {
  const across = [...new Set(boxes.flatMap(([x0, , x1]) => [x0, x1]))].sort((a, b) => a - b);
  return across.slice(1).reduce((sum, right, index) => {
    const spans = boxes.filter(([x0, , x1]) => x0 <= across[index] && x1 >= right).map(([, y0, , y1]) => [y0, y1]).sort((a, b) => a[0] - b[0]);
    let [long, end] = [0, 0];
    for (const [y0, y1] of spans) {
      long += Math.max(0, y1 - Math.max(y0, end));
      end = Math.max(end, y1);
    }
    return sum + (right - across[index]) * long;
  }, 0);
}

/** Square millimetres of the whole film, null where its spacing is not known. @param {any} film */
const filmArea = (film) => (film.spacing_mm && film.spacing_at ? film.size.height * film.spacing_mm[0] * film.size.width * film.spacing_mm[1] : null);

/** Whether sizes of both films are told in the same millimetres. @param {Reading} one @param {Reading} other */
const inMillimetres = (one, other) => Boolean(filmArea(one.film) && filmArea(other.film) && one.film.spacing_at === other.film.spacing_at);

/** How the boxes' size differs, "" where there is nothing to tell. @param {Reading} one @param {Finding} here @param {Reading} other @param {Finding} there */
function sizes(one, here, other, there) {
  const [mine, theirs] = [standing(one, here), standing(other, there)].map((boxes) => boxes.map(({ box }) => box));
  if (!mine.length || !theirs.length || [one, other].some(({ film }) => film.view === "LATERAL")) return "";
  const whole = inMillimetres(one, other) ? /** @type {number} */ (filmArea(one.film)) / /** @type {number} */ (filmArea(other.film)) : 1;
  const grown = (whole * covered(mine)) / covered(theirs);
  const dated = daysTo(one, other);
  const ratio = dated && dated > 0 ? 1 / grown : grown; // the newer against the older
  const boxes = mine.length + theirs.length > 2 ? "boxes together" : "box";
  if (Math.max(ratio, 1 / ratio) < 1 + LEAST_CHANGE) return `${boxes} about as large`;
  const change = ratio > 1 ? `larger by ${Math.round(100 * (ratio - 1))} %` : `smaller by ${Math.round(100 * (1 - ratio))} %`;
  return `${boxes} ${change}${dated ? "" : ` on ${one.name}`}`;
}

/** One line about a phrase. @param {Reading} one @param {Reading} other @param {Finding} here */
function line(one, other, here) {
  const there = findingOf(other, here.phrase);
  const open = [here, there].some((finding) => finding && ["waiting", "looking"].includes(finding.state));
  if (open) return `${here.phrase}: still being looked for`;
  if (!there) return `${here.phrase}: ${stance(one, here)} on ${one.name}, not asked on ${other.name}`;
  if (here.within || there.within) return `${here.phrase}: asked inside a box, which is not compared`;
  const [mine, theirs] = [stance(one, here), stance(other, there)];
  const [hereIs, thereIs] = names(one, other);
  const words = mine === theirs ? `${mine} on both` : `${mine} ${hereIs}, ${theirs} ${thereIs}`;
  const guessed = [here, there].some((finding) => finding.guess || finding.state !== "known");
  return [`${here.phrase}: ${words}`, guessed ? "" : sizes(one, here, other, there)].filter(Boolean).join(", ");
}

/** @param {Reading} one the film on the screen @param {Reading} other the one beside it */
export const differences = (one, other) => one.findings.map((finding) => ({ finding, text: line(one, other, finding) }));

/** What keeps the two films from being compared as they stand, one sentence each. @param {Reading} one @param {Reading} other */
export function caveats(one, other) {
  const [here, there] = [one.film.view, other.film.view];
  const flagged = [one, other].filter(({ film }) => film.flags.length).map(({ name }) => name);
  return [
    samePatient(one, other) === false && "By their files these are two patients.",
    samePatient(one, other) === null && "Whether both are the same patient is not known from their files.",
    here !== there && here && there && `${one.name} is ${here}, ${other.name} ${there}: ${[here, there].includes("LATERAL") ? "their boxes do not compare" : "the heart looks larger AP, so sizes compare badly"}.`,
    !(here && there) && `The view of ${!here && !there ? "both films" : here ? other.name : one.name} is not known: sizes compare only where both were taken alike.`,
    flagged.length && `Flagged: ${flagged.join(" and ")}; see above the film.`,
    inMillimetres(one, other) ? `Sizes in mm at the ${one.film.spacing_at}.` : "Sizes as shares of each film: they depend on how much each shows.",
    `Depth of breath and rotation are not known; changes under ${Math.round(100 * LEAST_CHANGE)} % are not told.`,
  ].filter(Boolean).map(String);
}
