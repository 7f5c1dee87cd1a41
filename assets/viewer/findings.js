// @ts-check
/**
 * The table of phrases: what was found, how sure, where; colour and dash, show and hide, opacity and threshold.
 */
import { chanceBar, chanceWords, trackRecord } from "./chance.js";
import { address, button, make, percent, renew, toggle } from "./dom.js";
import { look, sample } from "./lines.js";
import { mountPasted } from "./pasted.js";
import { foundFirst } from "./reading.js";
import { boxReview, phraseReview } from "./review.js";
import { added, phraseSubject, saidOf } from "./standing.js";

/** @typedef {import("./workbench.js").Workbench} Workbench */
/** @typedef {import("./reading.js").Finding} Finding */

const SHOWN_EXAMPLES = 3;
/** An example whose box overlaps the answer less than this is said to lie elsewhere: a wrong one shows by it. */
const ELSEWHERE = 0.1;

/** Findings whose line the reader unfolded, or folded. @type {WeakMap<Finding, boolean>} */
const folds = new WeakMap();

/** The example as a hit: the one of the list where it is there, so that it has the same name. @param {Workbench} bench @param {any} one */
const asHit = (bench, one) => bench.current?.hits?.find((hit) => hit.study_id === one.study_id) || one.study;

/** What an example did to the answer, in words. @param {any} one */
function effect(one) {
  if (!one.heard) return `${one.phrase} there was not used: the model hardly sees it in that study`;
  const change = Math.round(100 * one.confidence_change);
  const moved = one.moved > 0.005 ? `moved the boxes by ${percent(one.moved)}` : "left the boxes where they are";
  const overlap = `; its box overlaps the answer's by ${percent(one.agreement)}`;
  return `${one.phrase} there ${moved}${change ? `, confidence ${change > 0 ? "+" : "−"}${Math.abs(change)} %` : ""}${overlap}${one.trusted ? "" : "; its box was drawn by a machine"}`;
}

/** An example by name, which opens it beside the film. @param {Workbench} bench @param {Finding} finding @param {any} one */
function example(bench, finding, one) {
  const hit = asHit(bench, one);
  const name = hit.rank ? `similar study ${hit.rank}` : one.study_id;
  return make("button", { type: "button", cls: "example-of", title: effect(one), "aria-label": `${name}: ${effect(one)}`,
    "data-key": `because ${finding.phrase} ${one.study_id} ${one.phrase}`, onclick: () => bench.compare(hit) },
  make("img", { src: address("thumbnail", { study_id: one.study_id }), alt: "", loading: "lazy", width: 24, height: 24 }), make("span", { text: name }),
  one.moved > 0.005 && make("span", { cls: "quiet", text: `moved it ${percent(one.moved)}` }),
  one.agreement < ELSEWHERE && make("span", { cls: "quiet", text: "lies elsewhere" }));
}

/** The examples from the gallery that spoke loudest for the boxes. @param {Workbench} bench @param {Finding} finding */
function because(bench, finding) {
  const examples = examplesOf(finding);
  if (!examples.length) return null;
  const weight = (/** @type {any} */ one) => one.moved + Math.abs(one.confidence_change);
  const [heard, unheard] = [examples.filter((one) => one.heard), examples.filter((one) => !one.heard)];
  const loudest = [...heard].sort((one, other) => weight(other) - weight(one)).slice(0, SHOWN_EXAMPLES);
  const [shown, hidden] = [loudest.length, heard.length - loudest.length];
  return make("div", { cls: "line-of because" },
    shown > 0 && make("span", { cls: "quiet", text: shown === 1 ? "because of" : `because of these ${shown}` }),
    ...loudest.map((one) => example(bench, finding, one)),
    hidden > 0 && make("span", { cls: "quiet", text: `and ${hidden} more` }),
    unheard.length > 0 && make("span", { cls: "quiet", text: "not used, hardly shows it" }),
    ...unheard.map((one) => example(bench, finding, one)));
}

/** @param {Finding} finding @returns {any[]} */
const examplesOf = (finding) => (finding.state === "known" && finding.boxes.length && finding.evidence) || [];

/** How a phrase was understood, and what its answer is worth, in one sentence; "" where there is nothing to say. @param {Finding} finding */
function remark(finding) {
  if (finding.state === "absent") return "This says what is not there: nothing was looked for.";
  if (finding.state !== "known") return "";
  const same = !finding.asked || finding.asked === finding.phrase.toLowerCase() || ["denied", "not understood"].includes(finding.answer);
  return [same ? "" : `Asked as “${finding.asked}”.`, finding.note].filter(Boolean).join(" ");
}

/** A warning stands whether its line is folded or not. @param {Finding} finding */
const warned = (finding) => (finding.state === "known" && finding.warning ? [make("tr", { cls: "remark" }, make("td", { colspan: "5" }, make("p", { cls: "flag", text: finding.warning })))] : []);

/** Behind a finding's line: the reader's review, how it was understood, its examples, how often it is right. @param {Workbench} bench @param {import("./reading.js").Reading} reading @param {Finding} finding */
function unfolded(bench, reading, finding) {
  const said = remark(finding);
  return make("tr", { cls: "behind" }, make("td", { colspan: "5" },
    make("div", { cls: "boxes-of" }, ...finding.boxes.map((box, index) => boxReview(bench, reading, finding, index)), phraseReview(bench, reading, finding),
      button("×", () => bench.drop(finding), { key: `drop ${finding.phrase}`, cls: "plain drop-of", "aria-label": `Forget ${finding.phrase}`, title: "Forget this phrase" })),
    said && make("p", { cls: "quiet", text: said }), because(bench, finding), trackRecord(bench, finding)));
}

/** Whether a finding's line is unfolded: as the reader left it, else while it is judged by keys. @param {import("./reading.js").Reading} reading @param {Finding} finding */
const isOpen = (reading, finding) => folds.get(finding) ?? reading.row?.phrase === finding.phrase;

/** What is said above the answers of a film that does not look like a frontal chest film. @param {Workbench} bench @param {import("./reading.js").Reading} reading */
function unfit(bench, reading) {
  if (!reading.film?.unfit) return [];
  const said = reading.anyway ? "Answers to it cannot be relied on." : "Phrases are not looked for on it.";
  return [make("div", { cls: "unfit" }, make("p", { cls: "flag", text: `${reading.film.unfit} ${said}` }),
    reading.anyway ? null : button("Answer all the same", () => bench.answerAnyway(), { key: "anyway", id: "anyway", cls: "action" }))];
}

/** Whether the reader said anything of it. @param {import("./reading.js").Reading} reading @param {Finding} finding */
const isJudged = (reading, finding) => finding.boxes.some((_, index) => saidOf(reading, finding, index)) || added(reading, finding).length > 0 || Boolean(reading.verdicts.get(phraseSubject(finding)));

/** One line: shown or not, number, phrase, answer, chance, and what is folded behind it. @param {Workbench} bench @param {import("./reading.js").Reading} reading @param {Finding} finding */
function row(bench, reading, finding) {
  const shown = !reading.hidden.has(finding.phrase);
  const none = finding.state === "known" && !finding.found;
  const open = isOpen(reading, finding);
  const line = make("label", { cls: "line", title: "Show or hide its boxes" },
    make("input", { type: "checkbox", checked: shown, "data-key": `show ${finding.phrase}`, "aria-label": `Show the boxes of ${finding.phrase}`,
      onchange: (/** @type {any} */ event) => bench.showBoxes(finding, event.target.checked) }),
    make("span", { cls: "signs" }, make("span", { cls: "number", text: String(finding.number + 1), title: "Its number on the film" }), sample(look(bench.offer, finding.number))));
  const name = button(finding.phrase, () => bench.select(finding.phrase), {
    key: `name ${finding.phrase}`, cls: "phrase", title: [finding.phrase, finding.said ? `In the report: ${finding.said}` : "Point out its boxes"].join(". "), "aria-pressed": String(reading.selected === finding.phrase) });
  const words = make("td", { cls: "verdict", title: finding.error || remark(finding) || null }, make("span", { text: chanceWords(finding) }));
  const count = examplesOf(finding).length;
  const judged = isJudged(reading, finding);
  const fold = button(`${open ? "▾" : "▸"}${count || ""}${judged ? "✓" : ""}`, () => {
    folds.set(finding, !open);
    bench.changed();
  }, { key: `fold ${finding.phrase}`, cls: "fold-of", "aria-expanded": String(open), "aria-label": `Review and evidence of ${finding.phrase}${judged ? ", judged" : ""}`,
    title: `Review, how often it is right${count ? `, ${count === 1 ? "1 example" : `${count} examples`}` : ""}` });
  return make("tr", { cls: `finding ${finding.state}${none ? " none" : ""}${finding.guess ? " guess" : ""}${shown ? "" : " off"}${open ? " open" : ""}` },
    make("td", {}, line), make("th", { scope: "row" }, name), words, make("td", { cls: "sure" }, chanceBar(bench, finding)), make("td", {}, fold));
}

/** A slider; how opaque boxes are is seen, the chance below which none are shown is told. @param {Workbench} bench @param {string} name @param {"opacity"|"threshold"} property @param {number} least */
function slider(bench, name, property, least) {
  const shown = property === "threshold" && make("output", { text: percent(bench[property]) });
  const input = make("input", { type: "range", min: String(least), max: "1", step: "0.05", "aria-label": name, title: `${name} of the boxes on the film`,
    oninput: () => {
      bench[property] = Number(input.value);
      if (shown) shown.textContent = percent(bench[property]);
      bench.changed();
    } });
  input.value = String(bench[property]);
  return make("label", { cls: "slider" }, make("span", { text: name }), input, shown);
}

/** @param {Workbench} bench */
export function mountFindings(bench) {
  const pasted = mountPasted(bench);
  const bar = make("div", { cls: "bar-of-boxes" });
  const all = make("div", { cls: "all" });
  bar.append(all, slider(bench, "Opacity", "opacity", 0.1), slider(bench, "Least chance", "threshold", 0));
  /** @type {Finding|undefined} the phrase that was asked last */ let newest;
  const table = make("div", { cls: "findings", tabindex: "0", role: "region", "aria-label": "Findings" });

  function show() {
    const reading = bench.current;
    renew(all, bench.allHidden, () => [toggle("Boxes", !bench.allHidden, () => {
      bench.allHidden = !bench.allHidden;
      bench.changed();
    }, { key: "all", "aria-label": "All boxes", title: "Show or hide all boxes" })]);
    bar.hidden = !reading?.findings.length && !reading?.draft;
    const ranks = reading?.hits?.map((hit) => [hit.study_id, hit.rank]);
    const shown = reading && [reading.key, reading.findings, reading.findings.map((finding) => isOpen(reading, finding)), [...reading.hidden], reading.selected, [...reading.verdicts], bench.redrawing, reading.row, Boolean(bench.offer), ranks, reading.film?.unfit, reading.anyway];
    renew(table, shown, () => {
      if (!reading?.findings.length) return [...(reading ? unfit(bench, reading) : []), make("p", { cls: "quiet", text: "No phrases yet. Write what to look for, such as “cardiomegaly”, and press Find." })];
      const head = ["Boxes", "Phrase", "Answer", "Chance it is there", "Review and evidence"];
      return [...unfit(bench, reading), make("table", {}, make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col", text })))),
        make("tbody", {}, ...foundFirst(reading.findings).flatMap((finding) => [row(bench, reading, finding), ...warned(finding), isOpen(reading, finding) && unfolded(bench, reading, finding)].filter(Boolean))))];
    });
    reveal(reading?.findings.at(-1), reading);
  }

  /** A phrase that was just asked is to be seen, without the page being moved. @param {Finding|undefined} last @param {import("./reading.js").Reading|null} reading */
  function reveal(last, reading) {
    if (last === newest) return;
    newest = last;
    const place = reading && last ? foundFirst(reading.findings).indexOf(last) : -1;
    const row = table.querySelectorAll("tr.finding")[place];
    if (row instanceof HTMLElement) table.scrollTop = Math.max(0, row.offsetTop - table.offsetTop - (table.clientHeight - row.offsetHeight) / 2);
  }

  return { nodes: [bar, table, pasted.node], show: () => {
    show();
    pasted.show();
  } };
}
