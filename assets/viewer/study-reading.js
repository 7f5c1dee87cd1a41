// @ts-check
/**
 * A case of a reader study: what is to be judged, what was said, and the questions to the server (lofi/ui/study.py).
 *
 * @typedef {[number, number, number, number]} Box
 * @typedef {{kind: string, phrase: string, number: number, hit: string, decision: string, box: Box|null, comment: string}} Mark
 * @typedef {{phrase: string, boxes: Box[], scores: number[]|null, confidence: number|null}} Asked
 * @typedef {{study_id: string, similarity: number|null, report: string, labels: string[], view: string}} Hit
 * @typedef {{film: any, sha256: string, failed: string, reader: string, number: number, total: number, done: number,
 *   blind: boolean, boxes_first: boolean, steps: number, training: boolean, phrases: Asked[], hits: Hit[], marks: Mark[]}} Sheet
 * @typedef {{key: string, kind: "box"|"phrase"|"certainty"|"hit", phrase: string, number: number, hit: string, place: number,
 *   box: Box|null, own: boolean, decision: string, score: number|null}} Row
 */

/** A failure as one sentence for a person; `code` "taken" or "superseded" where another window reads. */
export class Fault extends Error {
  /** @param {string} sentence @param {string} [code] */
  constructor(sentence, code = "error") {
    super(sentence);
    this.code = code;
  }
}

/** @param {string} route @param {object} values @returns {Promise<any>} */
export async function post(route, values) {
  let response, answer;
  try {
    response = await fetch(`study/${route}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(values) });
    answer = await response.json();
  } catch {
    throw new Fault("The server does not answer. What you did last was not stored: try again.");
  }
  if (!response.ok) throw new Fault(String(answer.error || "Something went wrong."), String(answer.code));
  return answer;
}

const markKey = (/** @type {Mark} */ { kind, phrase, number, hit }) => [kind, phrase, kind === "certainty" ? -1 : number, hit].join("\n");
const keyOf = (/** @type {string} */ kind, /** @type {string} */ phrase, /** @type {number} */ number, /** @type {string} */ hit) => [kind, phrase, number, hit].join("\n");

/** One case, as far as it was judged. */
export class Reading {
  /** @param {Sheet} sheet */
  constructor(sheet) {
    this.sheet = sheet;
    /** @type {Map<string, Mark>} */ this.marks = new Map();
    this.update(sheet.marks);
    this.currentKey = this.firstOpen()?.key ?? this.rows()[0]?.key ?? "";
  }

  /** @param {Mark[]} marks all that count now */
  update(marks) {
    this.marks = new Map(marks.map((mark) => [markKey(mark), mark]));
  }

  /** @param {string} phrase */
  isAbsent(phrase) {
    return this.marks.has(keyOf("phrase", phrase, -1, ""));
  }

  get comment() {
    return this.marks.get(keyOf("comment", "", -1, ""))?.comment ?? "";
  }

  /** What is judged one by one: boxes, phrases without a box, similar studies. `place` counts from 1. @returns {Row[]} */
  rows() {
    const boxes = this.sheet.phrases.flatMap((asked) => [...this.phraseRows(asked), ...this.certaintyRow(asked)]);
    const rows = [...boxes, ...this.hits(boxes.every((row) => row.decision)).map((hit) => this.hitRow(hit))];
    let place = 0;
    return rows.map((row) => ({ ...row, place: row.kind === "certainty" ? place : (place += 1) }));
  }

  /** @param {Asked} asked @returns {Omit<Row, "place">[]} */
  phraseRows({ phrase, boxes, scores }) {
    const own = [...this.marks.values()].filter((mark) => mark.kind === "box" && mark.phrase === phrase && mark.decision === "added");
    const drawn = boxes.map((box, number) => {
      const mark = this.marks.get(keyOf("box", phrase, number, ""));
      return { number, box: mark?.box ?? box, own: false, decision: mark?.decision ?? "", score: mark?.box ? null : scores?.[number] ?? null };
    });
    const added = own.map(({ number, box }) => ({ number, box, own: true, decision: "added", score: null }));
    const all = [...drawn, ...added].sort((a, b) => a.number - b.number);
    if (!all.length) {
      const decision = this.isAbsent(phrase) ? "absent" : "";
      return [{ key: keyOf("phrase", phrase, -1, ""), kind: "phrase", phrase, number: -1, hit: "", box: null, own: false, decision, score: null }];
    }
    return all.map((one) => ({ ...one, key: keyOf("box", phrase, one.number, ""), kind: /** @type {const} */ ("box"), phrase, hit: "" }));
  }

  /** The similar studies that may be seen: where boxes come first, once all of them are judged. @param {boolean} judged */
  hits(judged) {
    return this.sheet.boxes_first && !judged ? [] : this.sheet.hits;
  }

  /** How sure the reader is of a phrase, where the study asks. @param {Asked} asked @returns {Omit<Row, "place">[]} */
  certaintyRow({ phrase }) {
    if (!this.sheet.steps) return [];
    const key = keyOf("certainty", phrase, -1, "");
    const mark = this.marks.get(key);
    return [{ key, kind: "certainty", phrase, number: mark?.number ?? -1, hit: "", box: null, own: false, decision: mark?.decision ?? "", score: null }];
  }

  /** @param {Hit} hit @returns {Omit<Row, "place">} */
  hitRow({ study_id: hit }) {
    const key = keyOf("hit", "", -1, hit);
    return { key, kind: "hit", phrase: "", number: -1, hit, box: null, own: false, decision: this.marks.get(key)?.decision ?? "", score: null };
  }

  /** @returns {Row|undefined} */
  get current() {
    return this.rows().find((row) => row.key === this.currentKey);
  }

  /** The first row without a verdict, after the current one if there is any there. */
  firstOpen() {
    const rows = this.rows();
    const at = rows.findIndex((row) => row.key === this.currentKey);
    return [...rows.slice(at + 1), ...rows.slice(0, at + 1)].find((row) => !row.decision);
  }

  get left() {
    return this.rows().filter((row) => !row.decision).length;
  }

  /** @param {1|-1} step */
  move(step) {
    const rows = this.rows();
    const at = rows.findIndex((row) => row.key === this.currentKey);
    this.currentKey = rows[Math.min(Math.max(at + step, 0), rows.length - 1)]?.key ?? "";
  }

  /** The number of a box that the reader adds: after the model's and those added before. @param {string} phrase */
  nextNumber(phrase) {
    const asked = this.sheet.phrases.find((one) => one.phrase === phrase);
    const added = [...this.marks.values()].filter((mark) => mark.kind === "box" && mark.phrase === phrase).map((mark) => mark.number);
    return Math.max(asked?.boxes.length ?? 0, ...added.map((number) => number + 1));
  }
}
