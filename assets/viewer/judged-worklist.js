// @ts-check
/**
 * What a reader says of the answers: of boxes, phrases, hits and cases. Stored under the film's hash and the initials.
 */
import { forThisWindow } from "./kept.js";
import { Worklist, words } from "./worklist.js";

/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {import("./reading.js").Box} Box */
/** @typedef {import("./reading.js").Finding} Finding */

export class JudgedWorklist extends Worklist {
  /** @param {(question: string, values?: object) => Promise<any>} ask @param {() => void} changed */
  constructor(ask, changed) {
    super(ask, changed);
    this.initials = forThisWindow.getItem("lofi-initials") || "";
    /** @type {string} what became of the last judgement */ this.saved = "";
    /** @type {{finding: Finding, number: number}|null} the box being moved; number −1: a new one is drawn */ this.redrawing = null;
  }

  /** @param {Reading} reading */
  show(reading) {
    this.saved = ""; // it was said of another case
    super.show(reading);
  }

  /** @param {string} initials */
  sign(initials) {
    this.initials = initials.trim().toUpperCase();
    forThisWindow.setItem("lofi-initials", this.initials);
    this.saved = "";
    for (const reading of this.worklist) this.recall(reading);
    this.changed();
  }

  /** @param {Reading} reading */
  opened(reading) {
    this.recall(reading);
  }

  /** What this reader said of the film before, today or another day. @param {Reading} reading */
  async recall(reading) {
    reading.verdicts = new Map();
    if (!this.initials || !reading.film) return;
    try {
      const { verdicts } = await this.ask("kept_verdicts", { film: reading.film.sha256, reader: this.initials });
      for (const said of verdicts) this.note(reading, said);
    } catch (fault) {
      this.saved = words(fault);
    }
    this.changed();
  }

  /** Put a stored verdict into the reading. @param {Reading} reading @param {any} said */
  note(reading, said) {
    if (said.kind === "comment") reading.comment = said.decision === "withdrawn" ? "" : said.comment;
    if (said.kind === "case") reading.reviewed = said.decision === "done";
    const subject = { box: `box ${said.phrase} ${said.number}`, phrase: `phrase ${said.phrase}`, hit: `hit ${said.hit}` }[/** @type {string} */ (said.kind)];
    if (!subject) return;
    if (said.decision === "withdrawn") reading.verdicts.delete(subject);
    else reading.verdicts.set(subject, said);
  }

  /** Store one verdict. @param {Reading} reading @param {object} verdict */
  async judge(reading, verdict) {
    if (!this.initials) {
      this.saved = "First write your initials.";
      document.getElementById("initials")?.focus();
      return this.changed();
    }
    this.saved = "Saving…";
    this.changed();
    try {
      const { said } = await this.ask("keep_verdict", { film: reading.film.sha256, reader: this.initials, ...verdict });
      this.note(reading, said);
      this.saved = "Saved.";
    } catch (fault) {
      this.saved = words(fault);
    }
    this.changed();
  }

  /** The same judgement a second time takes it back. @param {Finding} finding @param {number} number @param {string} decision @param {Box} [box] */
  judgeBox(finding, number, decision, box) {
    const reading = this.current;
    if (!reading) return;
    const again = reading.verdicts.get(`box ${finding.phrase} ${number}`)?.decision === decision && !box;
    this.judge(reading, {
      kind: "box", phrase: finding.phrase, number, decision: again ? "withdrawn" : decision, box: box || null,
      model_box: finding.boxes[number] || null, score: finding.scores[number] ?? null,
    });
  }

  /** A box that the model missed. @param {Finding} finding @param {Box} box */
  addBox(finding, box) {
    const used = [...(this.current?.verdicts.values() || [])].filter((said) => said.kind === "box" && said.phrase === finding.phrase).map((said) => said.number);
    this.redrawing = null;
    this.judgeBox(finding, Math.max(finding.boxes.length - 1, ...used) + 1, "added", box);
  }

  /** @param {Finding} finding */
  judgePhrase(finding) {
    const reading = this.current;
    if (!reading) return;
    const again = reading.verdicts.has(`phrase ${finding.phrase}`);
    this.judge(reading, { kind: "phrase", phrase: finding.phrase, decision: again ? "withdrawn" : "absent" });
  }

  /** @param {any} hit @param {string} decision */
  judgeHit(hit, decision) {
    const reading = this.current;
    if (!reading) return;
    const again = reading.verdicts.get(`hit ${hit.study_id}`)?.decision === decision;
    this.judge(reading, { kind: "hit", hit: hit.study_id, decision: again ? "withdrawn" : decision });
  }

  /** @param {string} text */
  comment(text) {
    const reading = this.current;
    if (!reading?.film || text === reading.comment) return;
    reading.comment = text;
    this.judge(reading, text.trim() ? { kind: "comment", decision: "commented", comment: text } : { kind: "comment", decision: "withdrawn" });
  }

  /** Move a box on the film (again: stop), or draw one that is missing (number −1). @param {Finding} finding @param {number} number */
  redraw(finding, number) {
    const same = this.redrawing?.finding === finding && this.redrawing.number === number;
    this.redrawing = same ? null : { finding, number };
    if (!this.initials) this.judge(/** @type {Reading} */ (this.current), {}); // says that initials come first
    if (!this.initials) this.redrawing = null;
    this.changed();
  }

  /** Mark the case as reviewed and go on. */
  async nextCase() {
    const reading = this.current;
    if (!reading) return;
    if (reading.film && this.initials) await this.judge(reading, { kind: "case", decision: "done" });
    const place = this.worklist.indexOf(reading);
    const rest = [...this.worklist.slice(place + 1), ...this.worklist.slice(0, place)];
    const next = rest.find((one) => !one.reviewed && one.state !== "failed");
    if (next) this.show(next);
    else this.saved = this.initials ? "That was the last case." : "First write your initials.";
    this.changed();
  }
}
