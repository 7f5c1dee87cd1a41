// @ts-check
/**
 * The worklist and what is asked of the server about its films. Every change is told to the page's parts by `changed`.
 */
import { addFinding, newReading, spoken } from "./reading.js";
import { Fault, sendFilm } from "./server.js";
import { Turns } from "./turns.js";

/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {import("./reading.js").Finding} Finding */
/** @typedef {import("./reading.js").Box} Box */

export const PAGE = 8;

export class Worklist {
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

  /** Read the film, then its hits, then its phrases. @param {Reading} reading */
  async work(reading) {
    try {
      if (!reading.film && (reading.file || reading.study || reading.archive)) await this.turns.take(reading, () => this.open(reading));
    } catch (fault) {
      Object.assign(reading, { state: "failed", error: words(fault) });
      return this.changed();
    }
    await this.search(reading);
    if (!reading.film) return;
    await this.find(reading);
    this.ready(reading);
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

  /** Look for similar studies, as `reading.search` says; the answer to an earlier search is dropped. @param {Reading} reading */
  async search(reading) {
    reading.searches += 1;
    const number = reading.searches;
    reading.searchError = "";
    reading.searching = true;
    this.changed();
    let found = null;
    let error = "";
    try {
      found = await this.turns.take(reading, () => this.askFilm(reading, "similar", this.searched(reading)));
    } catch (fault) {
      error = words(fault);
    }
    if (number !== reading.searches) return;
    Object.assign(reading, { hits: found ? found.hits : reading.hits || [], more: Boolean(found?.more), notes: found?.notes || [], searchError: error, searching: false });
    this.changed();
  }

  /** What a search, or an export of it, asks for. @param {Reading} reading */
  searched(reading) {
    const { text, alone, like, unlike, box, where, offset } = reading.search;
    const whole = { text, like, unlike, box, where, offset, k: PAGE, own: reading.study };
    return alone && (text || like.length) ? { ...whole, film: null, box: null, own: "" } : whole;
  }

  /** Change the search and do it again from its first page. @param {Partial<import("./reading.js").Search>} change */
  refine(change) {
    const reading = this.current;
    if ("where" in change) this.where = change.where || "";
    if (!reading) return this.changed();
    Object.assign(reading.search, { offset: 0, ...change });
    if (reading.film || reading.search.alone) this.search(reading);
  }

  /** Search by a text too, or by it alone; without any film, the text becomes a case of its own. @param {string} text @param {boolean} alone */
  searchText(text, alone) {
    if (this.current?.film) return this.refine({ text, alone });
    if (!text) return undefined;
    const reading = newReading(`Text: ${text}`, {}, this.where);
    Object.assign(reading.search, { text, alone: true });
    reading.state = "ready";
    this.worklist.push(reading);
    this.show(reading);
    return this.search(reading);
  }

  /** More or less like a study; the same again takes it back. @param {string} study @param {"like"|"unlike"} name */
  steer(study, name) {
    const search = this.current?.search;
    if (!search) return;
    const other = name === "like" ? "unlike" : "like";
    const has = search[name].includes(study);
    const without = (/** @type {string[]} */ ids) => ids.filter((id) => id !== study);
    this.refine(/** @type {any} */ ({ [name]: has ? without(search[name]) : [...search[name], study], [other]: without(search[other]) }));
  }

  /** @param {number} step pages */
  page(step) {
    const search = this.current?.search;
    if (search) this.refine({ offset: Math.max(0, search.offset + step * PAGE) });
  }

  /** Add phrases to the film on the screen and look for them. @param {string[]} phrases @param {Partial<Finding>} [more] */
  addPhrases(phrases, more = {}) {
    const reading = this.current;
    if (!reading) return this.tell(new Fault("First drop a film, or pick an example."));
    for (const phrase of phrases) addFinding(reading, phrase, more);
    this.lookFor(reading);
  }

  /** Phrases were added. @param {Reading} reading */
  lookFor(reading) {
    this.changed();
    if (reading.film && reading.hits) this.find(reading); // else it comes after the first hits
  }

  /** Look for the phrases that have no answer yet, one by one. @param {Reading} reading */
  async find(reading) {
    if (reading.looking) return;
    if (reading.film?.unfit && !reading.anyway) return this.hold(reading);
    reading.looking = true;
    while (this.worklist.includes(reading)) {
      const finding = reading.findings.find((one) => one.state === "waiting");
      if (!finding) break;
      finding.state = "looking";
      this.changed();
      await this.turns.take(reading, () => this.look(reading, finding));
    }
    reading.looking = false;
    this.changed();
    this.answered(reading);
  }

  /** Leave the phrases unasked until the reader wants them all the same. @param {Reading} reading */
  hold(reading) {
    for (const finding of reading.findings) if (finding.state === "waiting") finding.state = "held";
    this.changed();
  }

  /** Answer although the film does not look like a frontal chest film. */
  answerAnyway() {
    const reading = this.current;
    if (!reading) return;
    reading.anyway = true;
    for (const finding of reading.findings) if (finding.state === "held") finding.state = "waiting";
    this.find(reading);
  }

  /** @param {Reading} reading @param {Finding} finding */
  async look(reading, finding) {
    const { within } = finding;
    try {
      const { findings } = await this.askFilm(reading, "ground", { phrases: [spoken(finding)], box: within, anyway: reading.anyway });
      if (finding.within !== within) return; // asked elsewhere meanwhile: it waits again
      const { found, guess, likely, warning, concepts, confidence, boxes, scores, evidence, state, asked, note } = findings[0];
      Object.assign(finding, { state: "known", answer: state, asked, note, guess, likely, warning, concepts, found, confidence, boxes, scores, evidence });
    } catch (fault) {
      Object.assign(finding, { state: "failed", error: words(fault) });
    }
    this.changed();
  }

  /** Forget a phrase. @param {Finding} finding */
  drop(finding) {
    const reading = this.current;
    if (!reading) return;
    reading.findings.splice(reading.findings.indexOf(finding), 1);
    reading.hidden.delete(finding.phrase);
    this.changed();
  }

  /** Called when a film was read. @param {Reading} _reading */
  opened(_reading) {}

  /** Called when no phrase is open any more. @param {Reading} _reading */
  answered(_reading) {}

  /** Called when the hits and boxes of a film are there. @param {Reading} _reading */
  ready(_reading) {}
}

/** @param {unknown} fault */
export function words(fault) {
  return fault instanceof Fault ? fault.message : "Something in the page went wrong: reload it and try again.";
}
