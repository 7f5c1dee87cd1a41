// @ts-check
/**
 * The worklist and what is asked of the server about its films: similar studies, and phrases one by one.
 */
import { Films } from "./films.js";
import { addFinding, newReading, spoken } from "./reading.js";
import { Fault, words } from "./server.js";

/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {import("./reading.js").Finding} Finding */
/** @typedef {import("./reading.js").Box} Box */

export const PAGE = 8;

export class Worklist extends Films {
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

  /** Called when no phrase is open any more. @param {Reading} _reading */
  answered(_reading) {}

  /** Called when the hits and boxes of a film are there. @param {Reading} _reading */
  ready(_reading) {}
}
