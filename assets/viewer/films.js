// @ts-check
/**
 * The films of the worklist: put in, shown, ordered, opened at the server and sent again where it let go of one. Every
 * change is told to the page's parts by `changed`.
 */
import { addFinding, newReading } from "./reading.js";
import { Fault, sendFilm, words } from "./server.js";
import { Turns } from "./turns.js";

/** @typedef {import("./reading.js").Reading} Reading */

export class Films {
  /**
   * @param {(question: string, values?: object) => Promise<any>} ask
   * @param {() => void} changed
   */
  constructor(ask, changed) {
    this.ask = ask;
    this.changed = changed;
    /** @type {Reading[]} */ this.worklist = [];
    this.films = 0;
    /** @type {Reading|null} */ this.current = null;
    /** @type {any} what the server offers, null until the model is loaded */ this.offer = null;
    this.offerError = "";
    this.where = "";
    /** @type {string} the sentence last told to the person */ this.told = "";
    this.turns = new Turns(() => this.current);
  }

  /** Ask what there is; the page is usable before. */
  async begin() {
    try {
      this.offer = await this.ask("start");
    } catch (fault) {
      this.offerError = words(fault);
    }
    this.changed();
  }

  /** @param {unknown} fault */
  tell(fault) {
    this.told = words(fault);
    this.changed();
  }

  /** Put films into the worklist and show the first. @param {File[]} files @param {string[]} phrases */
  addFiles(files, phrases) {
    if (!files.length) return;
    this.take(files.map((file) => newReading(`Film ${(this.films += 1)}`, { file }, this.where)), phrases);
  }

  /** @param {string} study @param {string} name @param {string[]} phrases */
  addExample(study, name, phrases) {
    const known = this.worklist.find((reading) => reading.study === study && reading.state !== "failed");
    if (known) return this.show(known);
    this.take([newReading(`Example: ${name}`, { study }, this.where)], phrases);
  }

  /** @param {Reading[]} fresh @param {string[]} phrases */
  take(fresh, phrases) {
    for (const reading of fresh) for (const phrase of phrases) addFinding(reading, phrase);
    this.worklist.push(...fresh);
    this.show(fresh[0]);
    for (const reading of fresh) this.work(reading);
  }

  /** @param {Reading} reading */
  show(reading) {
    this.current = reading;
    this.told = "";
    this.turns.pump();
    this.changed();
  }

  /** @param {number} step */
  move(step) {
    const next = this.worklist[this.worklist.indexOf(/** @type {any} */ (this.current)) + step];
    if (next) this.show(next);
  }

  /** @param {Reading} reading */
  remove(reading) {
    const place = this.worklist.indexOf(reading);
    this.worklist.splice(place, 1);
    if (this.current === reading) this.current = this.worklist[Math.min(place, this.worklist.length - 1)] || null;
    this.changed();
  }

  /** Put a film at a place of the list, counted from 0. @param {Reading} reading @param {number} place */
  place(reading, place) {
    const others = this.worklist.filter((one) => one !== reading);
    const next = [...others.slice(0, place), reading, ...others.slice(place)];
    if (next.every((one, index) => one === this.worklist[index])) return;
    this.worklist.splice(0, next.length, ...next);
    this.changed();
  }

  /** Go on with films from before. @param {Reading[]} readings @param {number} current the place of the one to show */
  restore(readings, current) {
    if (!readings.length) return;
    this.worklist.push(...readings);
    this.films = Math.max(this.films, ...readings.map(({ name }) => Number(/^Film (\d+)$/.exec(name)?.[1] ?? 0)));
    if (!this.current) this.show(readings[Math.max(0, current)]);
    for (const reading of readings) this.work(reading);
  }

  /** Do again what failed. @param {Reading} reading */
  retry(reading) {
    for (const finding of reading.findings) if (finding.state === "failed") Object.assign(finding, { state: "waiting", error: "" });
    if (!reading.film && !reading.search.alone) Object.assign(reading, { state: "waiting", error: "", progress: 0 });
    this.changed();
    return this.work(reading);
  }

  /** @param {Reading} reading */
  async open(reading) {
    reading.state = reading.file ? "sending" : "reading";
    this.changed();
    const progress = (/** @type {number} */ share) => {
      reading.progress = share;
      if (share >= 1) reading.state = "reading";
      this.changed();
    };
    const { film, pass, same } = await this.fetchFilm(reading, progress).catch((fault) => {
      if (reading.film) reading.state = "ready"; // it was open before: only this question fails
      throw fault;
    });
    Object.assign(reading, { film, pass: pass || "", same: same || null, state: "ready" });
    this.opened(reading);
    this.changed();
  }

  /** @param {Reading} reading @param {(share: number) => void} progress @returns {Promise<any>} */
  fetchFilm(reading, progress) {
    if (reading.file) return sendFilm(reading.file, progress);
    return reading.archive ? this.ask("archive_film", reading.archive) : this.ask("open_example", { study_id: reading.study });
  }

  /**
   * Ask about a film; a film that the server has let go of is sent again first.
   * @param {Reading} reading @param {string} question @param {object} values
   */
  async askFilm(reading, question, values) {
    const whole = () => ({ film: reading.film?.sha256 || null, ...values });
    try {
      return await this.ask(question, whole());
    } catch (fault) {
      if (!(fault instanceof Fault) || !fault.gone) throw fault;
      await this.open(reading);
      return this.ask(question, whole());
    }
  }

  /** What is asked about a film that comes into the list. @param {Reading} _reading @returns {Promise<void>} */
  async work(_reading) {}

  /** Called when a film was read. @param {Reading} _reading */
  opened(_reading) {}
}
