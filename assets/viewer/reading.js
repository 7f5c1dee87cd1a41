// @ts-check
/**
 * A reading: one film with all that was asked about it and all that came back. The page keeps one for every film of
 * the worklist, so an answer that comes late still lands where it belongs.
 */

import { Sheet } from "./film-sheet.js";

/** @typedef {[number, number, number, number]} Box x0, y0, x1, y1, 0–1 of the film */

/**
 * @typedef {object} Finding one phrase and its answer
 * @property {string} phrase
 * @property {number} number gives its colour and dash
 * @property {"waiting"|"looking"|"known"|"failed"|"absent"|"held"} state absent: the report, or the phrase, itself says that it is not
 *   there; held: not asked, because the film does not look like a frontal chest film
 * @property {string} answer what the answer stands for, as lofi.results.Standing: "found", "never learnt" …; "" while there is none
 * @property {string} asked what the model was asked @property {string} note the sentence to show with the answer
 * @property {boolean} guess whether the model's boxes are a guess, drawn thin
 * @property {string} likely the chance in words, "" where there is none @property {string} warning what speaks against the answer
 * @property {string[]} concepts what it is about, by the keys of what the model knows
 * @property {boolean} found
 * @property {number} confidence
 * @property {Box[]} boxes
 * @property {number[]} scores
 * @property {Box|null} within the box of the film that the answer is restricted to @property {string} asks what is asked for it, where that is not the phrase itself
 * @property {any[]} evidence examples of the gallery that helped, each with its study as a hit
 * @property {string} said the sentence of a pasted report that it came from
 * @property {string} error
 */

/**
 * @typedef {object} Search what hits are asked for
 * @property {string} text
 * @property {boolean} alone the text without the film
 * @property {string[]} like @property {string[]} unlike ids of studies
 * @property {Box|null} box search by this region
 * @property {string} where
 * @property {number} offset
 */

/**
 * @typedef {object} Reading
 * @property {number} key
 * @property {string} id names it for good, in what the browser keeps
 * @property {string} name
 * @property {string} label the name of its file, for its owner's eyes: it is never sent
 * @property {File|null} file @property {string} study @property {any} archive where the film comes from; of the archive: study, series, instance, date
 * @property {"waiting"|"sending"|"reading"|"ready"|"failed"} state of the film
 * @property {boolean} searching @property {boolean} looking similar studies, or boxes, are being looked for
 * @property {number} progress 0–1 of the bytes sent
 * @property {string} error
 * @property {any} film the card of lofi.answers, null until the film was read
 * @property {{patient: string, day: number|null}|null} same as lofi/ui/sameness.py tells it: a word that files of one patient share
 * @property {string} pass the word for its DICOM source, "" where there is none
 * @property {import("./pasted.js").Part[]|null} pasted the report that was pasted, sentence by sentence
 * @property {boolean} anyway answer although the film does not look like a frontal chest film
 * @property {Search} search
 * @property {any[]|null} hits null while they are not known
 * @property {boolean} more @property {string[]} notes sentences about the search @property {string} searchError @property {number} searches counts the searches begun
 * @property {Finding[]} findings
 * @property {Set<string>} hidden phrases whose boxes are not drawn
 * @property {string} selected phrase
 * @property {any[]|null} draft sentences of the drafted report
 * @property {string} drafting "", "busy" or an error
 * @property {string[]} suggestions
 * @property {any} compared the hit beside the film
 * @property {number} beside the key of the film of the worklist beside it, 0 for none
 * @property {Map<string, any>} neighbours answers about gallery studies, by study
 * @property {{box: Box, phrase: string, said: string, busy: boolean}|null} region the box that was drawn, and what the model sees in it
 * @property {Map<string, any>} verdicts the reader's, by subject
 * @property {Map<string, any>} kept all that was said last, comment and case too, by subject
 * @property {string} comment as it is stored @property {string|null} typed what the reader is writing in its place, null for nothing
 * @property {boolean} reviewed
 * @property {any} view the film pane's state
 * @property {Map<string, import("./film-heat.js").Heat>} heats where the model looks, by phrase
 * @property {Sheet} sheet the marks on the film, and what can be undone
 * @property {{phrase: string, number: number}|null} row what the keys judge: a box, or with −1 the phrase as a whole
 */

let made = 0;

/** crypto.randomUUID is missing where the page comes by plain HTTP. */
const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * @param {string} name @param {{file?: File, study?: string, archive?: any}} source @param {string} where
 * @returns {Reading}
 */
export function newReading(name, source, where) {
  made += 1;
  return {
    key: made, id: newId(), name, label: source.file?.name || "", file: source.file || null, study: source.study || "", archive: source.archive || null,
    state: "waiting", searching: false, looking: false, progress: 0, error: "", film: null, anyway: false, pasted: null, same: null, pass: "",
    search: { text: "", alone: false, like: [], unlike: [], box: null, where, offset: 0 },
    hits: null, more: false, notes: [], searchError: "", searches: 0,
    findings: [], hidden: new Set(), selected: "",
    draft: null, drafting: "", suggestions: [],
    compared: null, beside: 0, neighbours: new Map(), region: null,
    verdicts: new Map(), kept: new Map(), comment: "", typed: null, reviewed: false, view: null, heats: new Map(), sheet: new Sheet(), row: null,
  };
}

/**
 * Add a phrase unless it is there; returns its finding.
 * @param {Reading} reading @param {string} phrase @param {Partial<Finding>} [more]
 */
export function addFinding(reading, phrase, more = {}) {
  const same = reading.findings.find((finding) => finding.phrase.toLowerCase() === phrase.toLowerCase());
  if (same) {
    // Asked again where the first answer failed, or where it was only read off a report.
    if (["failed", "absent"].includes(same.state)) Object.assign(same, { state: "waiting", error: "" }, more);
    return same;
  }
  const used = new Set(reading.findings.map((finding) => finding.number));
  let number = 0;
  while (used.has(number)) number += 1;
  /** @type {Finding} */
  const finding = {
    phrase, number, state: "waiting", answer: "", asked: "", note: "", guess: false, likely: "", warning: "", concepts: [], found: false, confidence: 0, boxes: [], scores: [], evidence: [], within: null, asks: "", said: "", error: "", ...more,
  };
  reading.findings.push(finding);
  return finding;
}

/** As they are shown and walked through: what was found, then the rest, each in the order asked. @param {Finding[]} findings */
export const foundFirst = (findings) => [...findings].sort((one, other) => Number(other.state === "known" && other.found) - Number(one.state === "known" && one.found));

/** What the model is asked for a finding: its phrase, unless it stands for the phrase inside a box. @param {Finding} finding */
export const spoken = (finding) => finding.asks || finding.phrase;

/** Words that may deny a finding: only whether the server, which decides, is asked how a text falls into phrases and what it denies. */
export const DENIAL = /\b(no|not|non|nor|nil|neither|never|without|w\/o|absen\w+|negative|neg|free|clear\w*|resol\w+|remov\w+|den\w+|unlikely|exclu\w+|ruled|lacks?|devoid|fails?|rather|instead|opposed|gone|withdr\w+|disappear\w*|extract\w*|extubated)\b|n't\b/i;
/** What says where or how large, and is no phrase of its own. */
const BESIDE = /^(?:(?:left|right|bilateral|both sides|upper|middle|lower|basal|apical|small|large|mild|moderate|severe)\s*)+$/i;

/** @param {string} part */
const tidy = (part) => part.replace(/\s+/g, " ").replace(/^ |[. ]+$/g, "");

/** The phrases of one line; "no mass, nodule or hernia" stays whole, because the denial runs through its list. @param {string} line */
function ofLine(line) {
  if (DENIAL.test(line) && /\b(?:or|nor)\b/i.test(line)) return [tidy(line)].filter(Boolean);
  /** @type {string[]} */ const found = [];
  for (const part of line.split(/,(?!\d)/).map((one) => tidy(one.replace(/^\s*(?:and\/or|and|or)\s+/i, ""))).filter(Boolean)) {
    if (found.length && BESIDE.test(part)) found[found.length - 1] += `, ${part}`;
    else found.push(part);
  }
  return found;
}

/** The phrases of a text field, one a line or between commas or semicolons, as lofi/report/query.py has them. @param {string} text */
export function splitPhrases(text) {
  const first = new Map();
  for (const part of text.split(/[\n\r;]+/).flatMap(ofLine)) if (!first.has(part.toLowerCase())) first.set(part.toLowerCase(), part);
  return [...first.values()];
}
