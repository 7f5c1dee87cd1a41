// @ts-check
/**
 * What a reader says of the answers: of boxes, phrases, hits and cases. Stored under the film's hash and the initials.
 */
import { forThisWindow } from "./kept.js";
import { words } from "./server.js";
import { boxSubject, saidOf } from "./standing.js";
import { Worklist } from "./worklist.js";

/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {import("./reading.js").Box} Box */
/** @typedef {import("./reading.js").Finding} Finding */

/** What a verdict is about; undefined for a comment, or a case. @param {any} said */
const subjectOf = (said) => ({ box: `box ${said.phrase} ${said.number}`, phrase: `phrase ${said.phrase}`, hit: `hit ${said.hit}` })[/** @type {string} */ (said.kind)];

export class JudgedWorklist extends Worklist {
  /** @param {(question: string, values?: object) => Promise<any>} ask @param {() => void} changed */
  constructor(ask, changed) {
    super(ask, changed);
    this.initials = forThisWindow.getItem("lofi-initials") || "";
    /** @type {string} what became of the last judgement */ this.saved = "";
    /** @type {{finding: Finding, number: number, anew: boolean}|null} the box being moved, or drawn anew; number −1: a new one is drawn */ this.redrawing = null;
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
    for (const reading of this.worklist) {
      reading.sheet.history.keepOf(this.initials);
      this.recall(reading);
    }
    this.changed();
  }

  /** @param {Reading} reading */
  opened(reading) {
    reading.sheet.history.tell = (sentence) => {
      this.saved = sentence;
      this.changed();
    };
    this.recall(reading);
  }

  /** What this reader said of the film before, today or another day. @param {Reading} reading @param {string|null} [seen] the stored comment beside which the typed one was refused: only another makes it worth sending again */
  async recall(reading, seen = null) {
    const before = reading.comment;
    Object.assign(reading, { verdicts: new Map(), comment: "", reviewed: false });
    if (!this.initials || !reading.film) return;
    try {
      const { verdicts, known } = await this.ask("kept_verdicts", { film: reading.film.sha256, reader: this.initials });
      if (known) this.forget(reading); // withdrawn elsewhere, it must not come back from here
      for (const said of known ? verdicts : await this.bringBack(reading)) this.note(reading, said);
      this.joined(reading, before);
    } catch (fault) {
      this.saved = words(fault);
      return this.changed();
    }
    this.changed();
    if (reading.typed !== null && reading.comment !== seen && document.activeElement?.id !== "comment") this.comment(reading, reading.typed);
  }

  /** What this browser kept of the reader's is older than what the server has. @param {Reading} reading */
  forget(reading) {
    for (const [name, one] of reading.kept) if (one.reader === this.initials && one.fingerprint === this.offer?.fingerprint) reading.kept.delete(name);
  }

  /** What this browser kept of the reader's, where the server knows of nothing any more: told to it again. @param {Reading} reading */
  async bringBack(reading) {
    const mine = [...reading.kept.values()].filter((one) => one.reader === this.initials && one.fingerprint === this.offer?.fingerprint);
    const told = [];
    for (const { kind, decision, phrase, number, hit, model_box, box, score, comment } of mine) {
      told.push((await this.ask("keep_verdict", {
        film: reading.film.sha256, reader: this.initials, kind, decision, phrase: phrase || null, number: number < 0 ? null : number, hit: hit || null, model_box, box, score, comment: comment || null,
      })).said);
    }
    return told;
  }

  /** Put a stored verdict into the reading. @param {Reading} reading @param {any} said */
  note(reading, said) {
    if (said.kind === "comment") reading.comment = said.decision === "withdrawn" ? "" : said.comment;
    if (said.kind === "case") reading.reviewed = said.decision === "done";
    const subject = subjectOf(said);
    const name = subject ?? said.kind;
    if (said.decision === "withdrawn") reading.kept.delete(name);
    else reading.kept.set(name, said);
    if (!subject) return;
    if (said.decision === "withdrawn") reading.verdicts.delete(subject);
    else reading.verdicts.set(subject, said);
  }

  /** Store one verdict. @param {Reading} reading @param {any} verdict @param {boolean} [again] it is undone, or done again */
  async judge(reading, verdict, again = false) {
    if (!this.initials) {
      this.saved = "First write your initials.";
      document.getElementById("initials")?.focus();
      this.changed();
      return false;
    }
    this.saved = "Saving…";
    this.changed();
    const before = reading.verdicts.get(subjectOf(verdict) ?? "");
    let stored = false;
    try {
      const { said } = await this.ask("keep_verdict", { film: reading.film.sha256, reader: this.initials, ...verdict });
      this.note(reading, said);
      this.saved = "Saved.";
      stored = true;
    } catch (fault) {
      this.saved = words(fault);
    }
    if (stored && !again) this.remember(reading, verdict, before);
    this.changed();
    return stored;
  }

  /** A verdict that can be undone: by what was said of the same before, or by nothing. @param {Reading} reading @param {any} verdict @param {any} before */
  remember(reading, verdict, before) {
    if (!subjectOf(verdict)) return;
    const { kind, phrase, number, hit, model_box, box, score, decision } = before ?? { ...verdict, box: null, decision: "withdrawn" };
    const old = { kind, phrase, number, hit, model_box, box, score, decision };
    reading.sheet.history.add({
      says: `${verdict.phrase ?? "similar study"} ${verdict.decision}`, reader: this.initials,
      undo: () => this.judge(reading, old, true), redo: () => this.judge(reading, verdict, true),
    });
  }

  /** The same judgement a second time takes it back. @param {Finding} finding @param {number} number @param {string} decision @param {Box} [box] @returns {Promise<boolean>} whether it is stored */
  async judgeBox(finding, number, decision, box) {
    const reading = this.current;
    if (!reading) return false;
    const said = number < finding.boxes.length ? saidOf(reading, finding, number) : reading.verdicts.get(boxSubject(finding, number));
    const again = said?.decision === decision && !box;
    return this.judge(reading, {
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

  /**
   * Store a comment, with the stored one that was on the screen: the server refuses to replace one that was not seen.
   * @param {Reading} reading @param {string} text
   */
  async comment(reading, text) {
    if (!reading.film || text === reading.comment) {
      reading.typed = null;
      return;
    }
    reading.typed = text;
    const seen = reading.comment;
    const said = text.trim() ? { decision: "commented", comment: text } : { decision: "withdrawn" };
    const stored = await this.judge(reading, { kind: "comment", seen, ...said });
    if (stored && reading.typed === text) reading.typed = null;
    else if (!stored && this.initials) await this.recall(reading, seen);
    this.changed();
  }

  /** A comment that came back from the server, joined with what was typed before it came. @param {Reading} reading @param {string} before */
  joined(reading, before) {
    const { comment, typed } = reading;
    if (typed === null || !comment || comment === before || typed.includes(comment)) return;
    reading.typed = typed.trim() ? `${comment}\n${typed}` : null;
    this.saved = "Your stored comment is above what you typed: both are kept.";
  }

  /** Move a box on the film (again: stop), draw it anew, or one that is missing (number −1). @param {Finding} finding @param {number} number @param {boolean} [anew] */
  redraw(finding, number, anew = false) {
    const same = this.redrawing?.finding === finding && this.redrawing.number === number && this.redrawing.anew === anew;
    this.redrawing = same ? null : { finding, number, anew };
    if (!this.initials) this.judge(/** @type {Reading} */ (this.current), {}); // says that initials come first
    if (!this.initials) this.redrawing = null;
    this.changed();
  }

  /** A box drawn anew in the place of the model's. @param {Finding} finding @param {number} number @param {Box} box */
  drewAnew(finding, number, box) {
    this.redrawing = null;
    this.judgeBox(finding, number, "redrawn", box);
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
