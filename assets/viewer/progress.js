// @ts-check
/**
 * How a film of the worklist stands, in words: pure functions.
 */

/** @typedef {import("./reading.js").Reading} Reading */

const number = (/** @type {number} */ count, /** @type {string} */ one) => `${count} ${count === 1 ? one : `${one}s`}`;

/** How many phrases have their answer, a failure included. @param {Reading} reading */
const answered = (reading) => reading.findings.filter((finding) => !["waiting", "looking"].includes(finding.state)).length;

/** @param {Reading} reading */
function phraseWords(reading) {
  const all = reading.findings.length;
  const failed = reading.findings.filter((finding) => finding.state === "failed").length;
  const open = reading.findings.length - answered(reading);
  if (!all) return "";
  if (reading.looking && open) return `phrase ${all - open + 1} of ${all}`;
  if (failed) return `${failed} of ${number(all, "phrase")} failed`;
  return open ? `${all - open} of ${number(all, "phrase")} answered` : `${number(all, "phrase")} answered`;
}

/** What is being done with a film, and what was, in words. @param {Reading} reading */
export function stateWords(reading) {
  if (reading.state === "sending") return `sending ${Math.round(100 * reading.progress)} %`;
  if (reading.state === "failed") return "failed";
  if (reading.state !== "ready") return reading.state === "reading" ? "being read" : "waiting";
  const searching = reading.searching && !reading.looking ? "looking for similar studies" : "";
  return [reading.reviewed ? "reviewed" : "read", phraseWords(reading) || searching].filter(Boolean).join(" · ");
}

/** Share of the work done, 0–1. @param {Reading} reading */
export function stateShare(reading) {
  if (reading.state === "waiting") return 0;
  if (reading.state === "sending") return 0.3 * reading.progress;
  if (reading.state === "reading") return 0.35;
  if (reading.state === "ready" && !reading.hits) return 0.5;
  if (reading.state === "ready" && reading.findings.length) return 0.6 + (0.4 * answered(reading)) / reading.findings.length;
  return 1;
}

/** What failed and why, one sentence each. @param {Reading} reading @returns {string[]} */
export function faults(reading) {
  if (reading.state === "failed") return [reading.error];
  const search = reading.searchError ? [`Similar studies: ${reading.searchError}`] : [];
  /** @type {Map<string, string[]>} */ const phrases = new Map();
  for (const { state, error, phrase } of reading.findings) if (state === "failed") phrases.set(error, [...(phrases.get(error) ?? []), phrase]);
  return [...search, ...[...phrases].map(([error, of]) => `${of.join(", ")}: ${error}`)];
}

/** What the reader did with a film and would have to do again, in words. @param {Reading} reading @returns {string[]} */
export function work(reading) {
  return [
    reading.findings.length && number(reading.findings.length, "phrase"), reading.verdicts.size && number(reading.verdicts.size, "verdict"),
    reading.comment && "a comment", reading.region && "a drawn box", reading.sheet.marks.length && number(reading.sheet.marks.length, "mark"),
  ].filter(Boolean).map(String);
}
