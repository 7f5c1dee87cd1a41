// @ts-check
/**
 * What to look for: a field for phrases, suggestions, those asked before, and a whole report to be split.
 */
import { button, make, renew } from "./dom.js";
import { forThisWindow } from "./kept.js";
import { mountKnowledge } from "./knowledge.js";
import { DENIAL, splitPhrases } from "./reading.js";

/** @typedef {import("./workbench.js").Workbench} Workbench */

const KEPT = 12;
const HISTORY = "lofi-phrases";

/** Phrases asked before in this tab; kept until it is closed, because another person may sit here tomorrow. @returns {string[]} */
function history() {
  try {
    const kept = JSON.parse(forThisWindow.getItem(HISTORY) || "[]");
    return Array.isArray(kept) ? kept.filter((phrase) => typeof phrase === "string").slice(0, KEPT) : [];
  } catch {
    return [];
  }
}

/** @param {string[]} phrases */
function remember(phrases) {
  forThisWindow.setItem(HISTORY, JSON.stringify([...new Set([...phrases, ...history()])].slice(0, KEPT)));
}

/** @param {string} name @param {string[]} phrases @param {(phrase: string) => void} chosen */
function chips(name, phrases, chosen) {
  if (!phrases.length) return null;
  return make("div", { cls: "chips", role: "group", "aria-label": name }, make("span", { cls: "quiet", text: name }),
    ...phrases.map((phrase) => button(phrase, () => chosen(phrase), { cls: "chip", key: `${name} ${phrase}` })));
}

/** @param {Workbench} bench @param {() => void} split its findings are in the table */
function mountReport(bench, split) {
  const text = make("textarea", { id: "report", rows: "6", maxlength: "20000", placeholder: "FINDINGS: The heart is enlarged. No pleural effusion." });
  const node = make("details", { cls: "paste" }, make("summary", { text: "Paste a report" }),
    make("label", { for: "report", cls: "quiet", text: "Each finding it states is looked for on the film; what it denies is marked absent." }), text,
    button("Find what it says", async () => {
      if (!(await bench.addReport(text.value))) return;
      node.open = false;
      split();
    }, { cls: "action", id: "find-report" }));
  return node;
}

/** @param {Workbench} bench */
export function mountPhrases(bench) {
  const field = make("textarea", { id: "phrases", rows: "2", placeholder: "left pleural effusion, cardiomegaly", "aria-describedby": "phrases-how" });
  const knowledge = mountKnowledge(bench);
  const offered = make("div", { cls: "offered" });
  const read = () => splitPhrases(field.value);
  let asked = () => {};

  /** @param {string[]} phrases */
  function find(phrases) {
    if (!phrases.length) {
      field.focus();
      return;
    }
    remember(phrases);
    if (bench.current) asked();
    bench.addPhrases(phrases);
  }

  const submit = async () => {
    const text = field.value;
    if (bench.current) field.value = "";
    const phrases = bench.current && DENIAL.test(text) ? await bench.parted(text) : splitPhrases(text);
    find(phrases);
    if (phrases.length && bench.current) document.querySelector(".seat.query")?.scrollIntoView({ block: "nearest" });
    show();
  };
  field.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  const node = make("section", { cls: "phrases", "aria-label": "Phrases to find" },
    make("p", { cls: "ask-head" }, make("label", { for: "phrases", cls: "title", text: "What to find" }),
      make("span", { id: "phrases-how", cls: "quiet", text: "several: by commas or lines" })),
    field, button("Find on the film", submit, { id: "find", cls: "primary" }), offered, knowledge.node);

  function show() {
    const reading = bench.current;
    knowledge.show();
    const known = new Set((reading?.findings || []).map((finding) => finding.phrase.toLowerCase()));
    const open = (/** @type {string[]} */ phrases) => phrases.filter((phrase) => !known.has(phrase.toLowerCase()));
    const suggested = open(reading?.suggestions || []).slice(0, 6);
    const before = open(history()).filter((phrase) => !suggested.includes(phrase)).slice(0, 6);
    renew(offered, [suggested, before], () => [chips("Suggested", suggested, (phrase) => find([phrase])), chips("Asked before", before, (phrase) => find([phrase]))]);
  }

  return { node, report: mountReport(bench, () => asked()), show, read, asked: (/** @type {() => void} */ listener) => { asked = listener; } };
}
