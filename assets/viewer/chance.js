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

/** @param {string} name @param {[number, number, number, number]} figure */
function told(name, [value, low, high, films]) {
  const range = (/** @type {(share: number) => string} */ shown) => `${shown(value)} (95 % interval ${shown(low)}–${shown(high)}; ${films} films)`;
  const share = (/** @type {number} */ part) => `${Math.round(100 * part)} %`;
  if (name === "mean IoU") return `its boxes overlapped the readers' by ${range(share)} on average`;
  if (name === "box right") return `its box was right, overlapping a reader's by at least 30 %, on ${range(share)} of those that show it`;
  if (name === "AUROC") return `of a film with it and one without it, the one with it got the higher chance in ${range(share)} of pairs`;
  return `${name} ${range((part) => part.toFixed(2))}`;
}

/** @param {any} concept */
function sentences(concept) {
  const figures = Object.entries(concept.figures || {}).map(([name, figure]) => told(name, /** @type {any} */ (figure)));
  const boxed = "mean IoU" in (concept.figures || {}) || "box right" in (concept.figures || {});
  return [
    ...figures.map((text) => `${concept.name}: ${text}.`),
    boxed ? "" : concept.boxes ? `${concept.name}: how often its box is right was not measured, there were too few boxes of readers.` : `${concept.name}: learnt without boxes, where it lies is a guess.`,
  ].filter(Boolean);
}

/** How often the model was right about a finding, one click away. @param {Workbench} bench @param {Finding} finding */
export function trackRecord(bench, finding) {
  if (finding.state !== "known" || !wasAsked(finding)) return null;
  const concepts = (bench.offer?.concepts || []).filter((/** @type {any} */ one) => finding.concepts.includes(one.key));
  const said = concepts.length ? concepts.flatMap(sentences) : ["Nothing was measured of this finding."];
  return make("details", { cls: "track-record", "data-phrase": finding.phrase },
    make("summary", { text: "How often right?", "data-key": `record ${finding.phrase}`, "aria-label": `How often ${finding.phrase} was right on validation films` }),
    make("ul", {}, ...said.map((/** @type {string} */ text) => make("li", { text }))));
}
