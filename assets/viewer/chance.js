// @ts-check
/**
 * The chance that a finding is there, as a bar with the model's two thresholds and in words; and, on request, how often
 * the model was right about it on films that it was not trained on.
 */
import { make, percent } from "./dom.js";
import { verdict, wasAsked } from "./lines.js";

/** @typedef {import("./workbench.js").Workbench} Workbench */
/** @typedef {import("./reading.js").Finding} Finding */

/** The answer in words: the chance, where it is one; else what became of the phrase. @param {Finding} finding */
export const chanceWords = (finding) => (finding.state === "known" && finding.likely) || verdict(finding);

/** What the thresholds mean, for the bar's title. @param {number[]} thresholds */
const meaning = ([low, high]) => `unlikely below ${percent(low)}, unsure up to ${percent(high)}, likely above`;

/** The bar with its figure; nothing where there is no chance to tell. @param {Workbench} bench @param {Finding} finding */
export function chanceBar(bench, finding) {
  if (finding.state !== "known" || !wasAsked(finding)) return null;
  const name = `Chance that ${finding.phrase} is there: ${percent(finding.confidence)}`;
  /** @type {number[]} */ const thresholds = finding.likely && bench.offer?.thresholds ? bench.offer.thresholds : [];
  const bar = make("span", { cls: `chance ${finding.likely}`, role: "img", "aria-label": name, title: thresholds.length ? `${name} (${meaning(thresholds)})` : name },
    make("span", { cls: "filled" }), ...thresholds.map(() => make("span", { cls: "mark" })));
  bar.style.setProperty("--chance", percent(finding.confidence).replace(" ", ""));
  [...bar.querySelectorAll(".mark")].forEach((mark, index) => mark.style.setProperty("left", `${100 * thresholds[index]}%`));
  return make("span", { cls: "chance-of" }, bar, make("span", { cls: "figure", text: percent(finding.confidence) }));
}

/** @typedef {[number, number, number, number]} Figure value, lower and upper bound, number of cases */

const share = (/** @type {number} */ part) => `${Math.round(100 * part)} %`;
/** @param {Figure} figure */
const range = ([value, low, high, films]) => `${share(value)} (95 % interval ${share(low)}–${share(high)}; ${films} films)`;

/** How many of the boxes were right, by two measures of right. @param {Record<string, Figure>} figures */
function counted({ "IoU≥0.5": half, "IoU≥0.3": third }) {
  if (!half) return "";
  const [value, low, high, boxes] = half;
  const laxer = third ? `, ${Math.round(third[0] * boxes)} by 30 % or more` : "";
  return `of ${boxes} boxes ${Math.round(value * boxes)} overlapped the radiologist's by half or more (${share(value)}, 95 % interval ${share(low)}–${share(high)})${laxer}`;
}

/** @param {any} concept @param {boolean} named one of several */
function sentences(concept, named) {
  /** @type {Record<string, Figure>} */ const figures = concept.figures || {};
  const { "mean IoU": overlap, AUROC: area } = figures;
  return [
    counted(figures),
    overlap && `its boxes overlapped the readers' by ${range(overlap)} on average`,
    area && `of a film with it and one without it, the one with it got the higher chance in ${range(area)} of pairs`,
    overlap ? "" : concept.boxes ? "how often its box is right was not measured, there were too few boxes of readers" : "learnt without boxes, where it lies is a guess",
  ].filter(Boolean).map((text) => (named ? `${concept.name}: ${text}.` : `${text[0].toUpperCase()}${text.slice(1)}.`));
}

/** How often the model was right about a finding. @param {Workbench} bench @param {Finding} finding */
export function trackRecord(bench, finding) {
  if (finding.state !== "known" || !wasAsked(finding)) return null;
  const concepts = (bench.offer?.concepts || []).filter((/** @type {any} */ one) => finding.concepts.includes(one.key));
  const said = concepts.length ? concepts.flatMap((/** @type {any} */ one) => sentences(one, concepts.length > 1)) : ["Nothing was measured of this finding."];
  return make("div", { cls: "track-record", "data-phrase": finding.phrase },
    make("h3", { text: "How often right, on validation films" }),
    make("ul", {}, ...said.map((/** @type {string} */ text) => make("li", { text }))));
}
