// @ts-check
/**
 * A reader's judgement: of each box, of each phrase, of the whole case. Stored by lofi.study under the film's hash, so
 * that the same film opened again, after a reload too, shows what was said of it.
 */
import { button, make, percent, renew, toggle } from "./dom.js";
import { boxSureness } from "./lines.js";
import { foundFirst } from "./reading.js";
import { added, phraseSubject, saidOf } from "./standing.js";

/** @typedef {import("./workbench.js").Workbench} Workbench */
/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {import("./reading.js").Finding} Finding */

/**
 * What keys can judge, in the order of the page: each box that the model or the reader gave, a phrase without any as a whole.
 * @param {Reading} reading @returns {{phrase: string, number: number}[]}
 */
export function rowsOf(reading) {
  return foundFirst(reading.findings).filter((finding) => finding.state === "known").flatMap((finding) => {
    const numbers = [...finding.boxes.keys(), ...added(reading, finding).map((one) => one.number)];
    return (numbers.length ? numbers : [-1]).map((number) => ({ phrase: finding.phrase, number }));
  });
}

/** Accept, reject, move one box. @param {Workbench} bench @param {Reading} reading @param {Finding} finding @param {number} index */
export function boxReview(bench, reading, finding, index) {
  const verdict = saidOf(reading, finding, index);
  const said = verdict?.decision || "";
  const whose = verdict?.box ? `${said} by ${verdict.reader}` : percent(boxSureness(finding)[index] ?? finding.confidence);
  const name = `box ${index + 1} of ${finding.phrase}`;
  const key = `${finding.phrase} ${index}`;
  const moving = bench.redrawing?.finding === finding && bench.redrawing.number === index;
  const current = reading.row?.phrase === finding.phrase && reading.row.number === index;
  return make("span", { cls: `judge ${said}`, role: "group", "aria-label": name, "aria-current": current ? "true" : null },
    make("span", { cls: "of", text: `${index + 1}`, title: `Box ${index + 1}, ${whose}` }),
    toggle("✓", said === "accepted", () => bench.judgeBox(finding, index, "accepted"), { key: `yes ${key}`, "aria-label": `Accept ${name}`, title: "Accept this box" }),
    toggle("✗", said === "rejected", () => bench.judgeBox(finding, index, "rejected"), { key: `no ${key}`, "aria-label": `Reject ${name}`, title: "Reject this box" }),
    toggle("✎", moving || ["moved", "redrawn"].includes(said), () => bench.redraw(finding, index), { key: `move ${key}`, "aria-label": `Move or resize ${name}`, title: "Move or resize it on the film" }));
}

/** Add a box, or say that the finding is absent. @param {Workbench} bench @param {Reading} reading @param {Finding} finding */
export function phraseReview(bench, reading, finding) {
  if (finding.state !== "known") return null;
  const absent = reading.verdicts.get(phraseSubject(finding))?.decision === "absent";
  const more = added(reading, finding);
  return make("span", { cls: "judge", role: "group", "aria-label": `${finding.phrase} as a whole` },
    ...more.map((one) => button(`× ${one.shown}`, () => bench.judgeBox(finding, one.number, "withdrawn"), { key: `undo ${finding.phrase} ${one.number}`, "aria-label": `Remove your box ${one.shown} of ${finding.phrase}`, title: "Remove the box that you drew" })),
    button("+ box", () => bench.redraw(finding, -1), { key: `add ${finding.phrase}`, "aria-label": `Draw a box for ${finding.phrase}`, title: "Draw a box that the model missed" }),
    toggle("absent", absent, () => bench.judgePhrase(finding), { key: `absent ${finding.phrase}`, "aria-label": `${finding.phrase} is absent`, title: "You see no such finding" }));
}

/** Initials, comment and the next case. @param {Workbench} bench */
export function mountReview(bench) {
  const initials = make("input", { id: "initials", maxlength: "8", autocomplete: "off", placeholder: "AB", size: "5",
    onchange: () => bench.sign(initials.value) });
  initials.value = bench.initials;
  const comment = make("textarea", { id: "comment", rows: "2", maxlength: "2000", placeholder: "A comment on this case",
    oninput: () => { if (bench.current) bench.current.typed = comment.value; },
    onblur: () => { if (bench.current) bench.comment(bench.current, comment.value); } });
  const next = make("div", { cls: "next" });
  const node = make("div", { cls: "review" },
    make("label", { for: "initials" }, make("span", { text: "Your initials" })), initials,
    make("label", { for: "comment", cls: "hidden-label", text: "Comment" }), comment, next);
  /** @type {Reading|null} */ let shown = null;

  /** What is written stands until it is stored, whatever comes back meanwhile and wherever the reader goes. @param {Reading} reading */
  function showComment(reading) {
    const text = reading.typed ?? reading.comment;
    if (comment.value === text) return;
    const fromEnd = comment.value.length - comment.selectionEnd;
    comment.value = text;
    if (document.activeElement === comment) comment.setSelectionRange(text.length - fromEnd, text.length - fromEnd);
  }

  function show() {
    const reading = bench.current;
    // Left by a key, a field tells no change: what was written in it is stored all the same.
    if (shown && shown !== reading && shown.typed !== null && bench.initials) bench.comment(shown, shown.typed);
    if (reading) showComment(reading);
    else comment.value = ""; // the film went with what was said of it
    shown = reading;
    if (document.activeElement !== initials) initials.value = bench.initials;
    comment.disabled = !reading?.film;
    renew(next, [Boolean(reading), reading?.reviewed, bench.saved], () => [
      button("Next case", () => bench.nextCase(), { key: "next", cls: "action", disabled: !reading, title: "Mark this case as reviewed and go to the next" }),
      make("span", { cls: "quiet", role: "status", text: bench.saved })]);
  }

  return { node, show };
}
