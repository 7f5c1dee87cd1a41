// @ts-check
/**
 * The panel beside the film: phrases with their boxes, similar studies, a comment. Every string comes from strangers
 * and reaches the page as text.
 *
 * @typedef {import("./study-reading.js").Reading} Reading
 * @typedef {import("./study-reading.js").Row} Row
 * @typedef {import("./study-reading.js").Asked} Asked
 * @typedef {import("./study-reading.js").Hit} Hit
 * @typedef {{colour: string, dash: string}} Look
 * @typedef {"accept"|"reject"|"move"|"redraw"|"add"|"absent"|"remove"|"compare"|"choose"|`rate ${number}`} Act
 * @typedef {{reading: Reading, look: (phrase: string) => Look, mode: string, compared: string,
 *   act: (act: Act, row: Row) => void, comment: (text: string) => void}} Desk
 */
import { address, draw, make, percent } from "./dom.js";

/** Keys that do the same as a button, anywhere on the page but in a field. @type {Record<string, Act>} */
export const KEYS = { a: "accept", x: "reject", v: "move", d: "redraw", u: "add", o: "absent" };
/** All keys of the page beside the film's own, for the list of keys. @type {import("./film-keys.js").Told[]} */
export const STUDY_KEYS = [
  { shown: "A", says: "Accept the box, or the study as relevant" }, { shown: "X", says: "Reject it" },
  { shown: "V", says: "Move or resize the box" }, { shown: "D", says: "Draw the box anew" },
  { shown: "U", says: "Draw a box that was missed" }, { shown: "O", says: "Say that the finding is not present" },
  { shown: "J", says: "Go to the next to be judged" }, { shown: "K", says: "Go to the one before" },
  { shown: "C", says: "Next case" },
];
const SHOWN = Object.fromEntries(Object.entries(KEYS).map(([key, act]) => [act, key.toUpperCase()]));

const SAID = /** @type {Record<string, string>} */ ({
  "": "to judge", accepted: "accepted", rejected: "rejected", moved: "moved", redrawn: "drawn anew", added: "drawn by you",
  absent: "not present", relevant: "relevant", "not relevant": "not relevant",
});

/** The panel's parts for a case. @param {Desk} desk @returns {Node[]} */
export function panel(desk) {
  const { sheet } = desk.reading;
  const rows = desk.reading.rows();
  const hits = sheet.hits.filter((hit) => rows.some((row) => row.hit === hit.study_id));
  const comment = make("textarea", {
    id: "comment", rows: "2", maxlength: "2000", placeholder: "No names of patients, please",
    onchange: () => desk.comment(comment.value.trim()),
  });
  comment.value = desk.reading.comment;
  return [
    sheet.training && make("p", { cls: "study-practice", text: "A case for practice: it does not count." }),
    ...sheet.phrases.map((asked) => phraseCard(desk, asked, rows.filter((row) => row.phrase === asked.phrase))),
    ...(hits.length ? [make("h2", { text: "Are these studies alike in what matters?" })] : []),
    ...hits.map((hit) => hitCard(desk, hit, /** @type {Row} */ (rows.find((row) => row.hit === hit.study_id)))),
    sheet.hits.length > hits.length && make("p", { cls: "quiet", text: "Similar studies come once all of this is judged." }),
    make("label", { cls: "study-comment" }, make("span", { text: "Comment" }), comment),
  ].filter((part) => part instanceof Node);
}

/** @param {Desk} desk @param {Act} act @param {Row} row @param {string} text @param {string} name @param {boolean} [on] */
function control(desk, act, row, text, name, on) {
  const key = SHOWN[act];
  return make("button", {
    type: "button", cls: `act ${act}`, "aria-label": name, title: key ? `${name} (${key})` : name,
    "aria-pressed": on === undefined ? null : String(on), "data-key": `${act} ${row.key}`, onclick: () => desk.act(act, row),
  }, make("span", { text }), key ? make("kbd", { text: key, "aria-hidden": "true" }) : null);
}

/** @param {Look} look */
function sample(look) {
  const picture = draw("svg", { viewBox: "0 0 28 10", class: "sample", "aria-hidden": "true" });
  const line = draw("line", { x1: 1, y1: 5, x2: 27, y2: 5, "stroke-width": 3, "stroke-dasharray": look.dash });
  line.style.stroke = look.colour;
  picture.append(line);
  return picture;
}

/** @param {Desk} desk @param {Asked} asked @param {Row[]} rows */
function phraseCard(desk, asked, rows) {
  const absent = desk.reading.isAbsent(asked.phrase);
  const sure = asked.confidence === null ? "" : `confidence ${percent(asked.confidence)}`;
  const drew = asked.boxes.length ? "" : "the model drew no box";
  return make("section", { cls: "study-phrase", "aria-label": asked.phrase },
    make("header", {}, sample(desk.look(asked.phrase)), make("h2", { text: asked.phrase }),
      make("span", { cls: "quiet", text: [drew, sure].filter(Boolean).join(" · ") })),
    ...rows.map((row) => (row.kind === "certainty" ? certaintyRow(desk, row) : boxRow(desk, row))),
    make("div", { cls: "acts" },
      control(desk, "absent", rows[0], "Not present", `${asked.phrase} is not present`, absent),
      control(desk, "add", rows[0], "Add a box", `Add a box for ${asked.phrase}`, desk.mode === `add ${asked.phrase}`)));
}

/** @param {Desk} desk @param {Row} row */
function boxRow(desk, row) {
  const name = row.kind === "phrase" ? row.phrase : `box ${row.place}, ${row.phrase}`;
  const score = row.score === null ? "" : percent(row.score);
  const current = row.key === desk.reading.currentKey;
  const acts = row.kind === "phrase" ? [] : row.own ? [control(desk, "remove", row, "Remove", `Remove ${name}`)] : [
    control(desk, "accept", row, "Accept", `Accept ${name}`, row.decision === "accepted"),
    control(desk, "reject", row, "Reject", `Reject ${name}`, row.decision === "rejected"),
    control(desk, "move", row, "Move", `Move or resize ${name}`, row.decision === "moved" || desk.mode === `move ${row.key}`),
    control(desk, "redraw", row, "Redraw", `Draw ${name} anew`, row.decision === "redrawn" || desk.mode === `redraw ${row.key}`),
  ];
  return rowNode(desk, row, current, name, [
    make("span", { cls: "place", text: row.kind === "phrase" ? "–" : String(row.place) }),
    make("span", { cls: "said", text: [SAID[row.decision], score].filter(Boolean).join(" · ") }),
    make("span", { cls: "acts" }, ...acts)]);
}

/** How sure of a phrase: a scale from surely absent to surely present; digits choose on it. @param {Desk} desk @param {Row} row */
function certaintyRow(desk, row) {
  const { steps } = desk.reading.sheet;
  const name = `how sure of ${row.phrase}`;
  const step = (/** @type {number} */ number) => make("button", {
    type: "button", cls: "act rate", text: String(number), "aria-label": `${row.phrase}: ${number} of ${steps}`, title: `${number} of ${steps} (${number % 10})`,
    "aria-pressed": String(row.number === number), "data-key": `rate ${number} ${row.key}`, onclick: () => desk.act(`rate ${number}`, row),
  });
  return rowNode(desk, row, row.key === desk.reading.currentKey, name, [
    make("span", { cls: "quiet", text: "surely absent" }),
    make("span", { cls: "acts scale" }, ...Array.from({ length: steps }, (_, at) => step(at + 1))),
    make("span", { cls: "quiet", text: "surely present" })]);
}

/** @param {Desk} desk @param {Hit} hit @param {Row} row */
function hitCard(desk, hit, row) {
  const name = `similar study ${desk.reading.sheet.hits.indexOf(hit) + 1}`;
  const picture = make("img", { src: address("thumbnail", { study_id: hit.study_id }), alt: "", width: 72, height: 72 });
  picture.addEventListener("error", () => picture.replaceWith(make("span", { cls: "no-picture", text: "no picture" })));
  const near = hit.similarity === null ? "" : `similarity ${hit.similarity.toFixed(3)}`;
  return rowNode(desk, row, row.key === desk.reading.currentKey, name, [
    make("button", {
      type: "button", cls: "look", "aria-label": `Show ${name} beside the film`, title: "Show it beside the film",
      "aria-pressed": String(desk.compared === hit.study_id), "data-key": `compare ${row.key}`, onclick: () => desk.act("compare", row),
    }, picture),
    make("span", { cls: "told" },
      make("strong", { text: hit.labels.join(", ") || "No labels" }), make("span", { cls: "report", text: hit.report || "No report." }),
      make("span", { cls: "quiet", text: [hit.view, near].filter(Boolean).join(" · ") })),
    make("span", { cls: "said", text: SAID[row.decision] }),
    make("span", { cls: "acts" },
      control(desk, "accept", row, "Relevant", `${name} is relevant`, row.decision === "relevant"),
      control(desk, "reject", row, "Not relevant", `${name} is not relevant`, row.decision === "not relevant"))]);
}

/** @param {Desk} desk @param {Row} row @param {boolean} current @param {string} name @param {Node[]} children */
function rowNode(desk, row, current, name, children) {
  return make("div", {
    cls: `study-row ${row.kind}${row.decision ? " judged" : ""}`, role: "group", tabindex: "-1", "aria-label": name,
    "aria-current": current ? "true" : null, "data-key": `row ${row.key}`, "data-decision": row.decision,
    onpointerdown: (/** @type {PointerEvent} */ event) => {
      if (!(event.target instanceof Element && event.target.closest("button"))) desk.act("choose", row);
    },
  }, ...children);
}
