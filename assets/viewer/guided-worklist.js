// @ts-check
/**
 * What keys and the model's maps do on the film: from one box to the next, where the model looks, heart by chest.
 */
import { ratioFrom } from "./film-measures.js";
import { look } from "./lines.js";
import { PairedWorklist } from "./paired-worklist.js";
import { spoken } from "./reading.js";
import { rowsOf } from "./review.js";
import { Fault, words } from "./server.js";
import { standing } from "./standing.js";

/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {import("./reading.js").Finding} Finding */

export class GuidedWorklist extends PairedWorklist {
  /** @param {(question: string, values?: object) => Promise<any>} ask @param {() => void} changed */
  constructor(ask, changed) {
    super(ask, changed);
    /** Heat maps are shown. */ this.looks = false;
    /** Maps that a passing error kept away. @type {{reading: Reading, phrase: string}[]} */ this.failedHeats = [];
  }

  /** A box was chosen on the film; the same again lets it go. @param {string} phrase @param {number} box its place among those that stand */
  point(phrase, box) {
    const reading = this.current;
    const finding = reading?.findings.find((one) => one.phrase === phrase);
    if (!reading || !finding) return;
    const number = standing(reading, finding)[box]?.number ?? -1;
    const same = reading.selected === phrase && reading.row?.phrase === phrase && reading.row.number === number;
    Object.assign(reading, same ? { selected: "", row: null } : { selected: phrase, row: { phrase, number } });
    return this.changed();
  }

  /** The next box or phrase to be judged, or the one before. @param {1|-1} by */
  step(by) {
    const reading = this.current;
    const rows = reading ? rowsOf(reading) : [];
    if (!reading || !rows.length) return;
    const now = rows.findIndex((row) => row.phrase === reading.row?.phrase && row.number === reading.row.number);
    const row = rows[now < 0 ? (by > 0 ? 0 : rows.length - 1) : (now + by + rows.length) % rows.length];
    Object.assign(reading, { row, selected: row.phrase });
    reading.hidden.delete(row.phrase);
    this.changed();
  }

  /** On to the next row of which nothing was said; stay where all was. */
  toOpen() {
    const reading = this.current;
    if (!reading) return;
    const rows = rowsOf(reading);
    const now = rows.findIndex((row) => row.phrase === reading.row?.phrase && row.number === reading.row.number);
    const open = [...rows.slice(now + 1), ...rows.slice(0, now + 1)].find(({ phrase, number }) => (
      !reading.verdicts.has(`phrase ${phrase}`) && !reading.verdicts.has(`box ${phrase} ${number}`)));
    if (open) Object.assign(reading, { row: open, selected: open.phrase });
    this.changed();
  }

  /** What the keys judge: the row that was gone to, else the first. */
  get row() {
    const reading = this.current;
    const rows = reading ? rowsOf(reading) : [];
    const row = rows.find((one) => one.phrase === reading?.row?.phrase && one.number === reading.row.number) ?? rows[0];
    const finding = reading?.findings.find((one) => one.phrase === row?.phrase);
    return row && finding ? { finding, number: row.number } : null;
  }

  /** @param {Reading} reading @param {Reading["region"]} region @param {string} says */
  setRegion(reading, region, says) {
    const before = reading.region;
    const put = (/** @type {Reading["region"]} */ one) => {
      reading.region = one;
      this.changed();
    };
    reading.sheet.history.add({ says, undo: () => put(before), redo: () => put(region) });
    put(region);
  }

  /** The lines of heart and chest as the model has them, for the reader to correct. @param {Reading} reading */
  async startRatio(reading) {
    const asked = ["heart", "right lung", "left lung"];
    try {
      const { findings } = await this.turns.take(reading, () => this.askFilm(reading, "ground", { phrases: asked }));
      const [heart, ...lungs] = findings.map((/** @type {any} */ finding) => finding.boxes[0]);
      if (!heart || lungs.some((/** @type {any} */ box) => !box)) throw new Fault("The model does not find heart and both lungs on this film: draw the two lines yourself.");
      reading.sheet.add(ratioFrom(heart, lungs));
    } catch (fault) {
      this.tell(fault);
    }
  }

  /** Whose heat map is shown: the phrase that was chosen, else the first with a box. @returns {Finding|undefined} */
  get lookedFor() {
    const findings = this.current?.findings.filter((finding) => finding.state === "known") ?? [];
    return findings.find((finding) => finding.phrase === this.current?.selected) ?? findings.find((finding) => finding.boxes.length) ?? findings[0];
  }

  /** The heat map over the film, null while none is shown. @returns {import("./film-heat.js").Heat|null} */
  get heat() {
    const reading = this.current;
    const finding = this.looks && reading ? this.lookedFor : undefined;
    if (!reading || !finding) return null;
    const held = reading.heats.get(finding.phrase);
    if (!held) this.askHeat(reading, finding);
    return held ?? reading.heats.get(finding.phrase) ?? null;
  }

  /** Show where the model looks, or no longer; what could not be answered is asked again. */
  lookAt() {
    this.looks = !this.looks;
    const failed = this.failedHeats;
    if (this.looks) for (const { reading, phrase } of failed.splice(0)) reading.heats.delete(phrase);
    if (this.looks && this.current?.film && !this.lookedFor) this.saved = "First write a phrase to find: its heat map is shown then.";
    this.changed();
  }

  /** @param {Reading} reading @param {Finding} finding */
  async askHeat(reading, finding) {
    const { phrase } = finding;
    const { colour } = look(this.offer, finding.number);
    reading.heats.set(phrase, { answer: null, phrase, colour, told: `Where the model looks for ${phrase}…` });
    try {
      const answer = await this.turns.take(reading, () => this.askFilm(reading, "heat_map", { phrase: spoken(finding), anyway: reading.anyway }));
      const more = [finding.within ? "The box that was drawn confines the answer, not this map." : "", finding.evidence.length ? "Examples were in context too." : ""];
      reading.heats.set(phrase, { answer: { ...answer, said: [answer.said, ...more].filter(Boolean).join(" ") }, phrase, colour, told: "" });
    } catch (fault) {
      reading.heats.set(phrase, { answer: null, phrase, colour, told: words(fault) });
      this.failedHeats.push({ reading, phrase });
    }
    this.changed();
  }
}
