// @ts-check
/**
 * What a reader does with the films of the worklist: boxes drawn, studies compared, reports, exports.
 */
import { save } from "./dom.js";
import { DENIAL, addFinding, spoken } from "./reading.js";
import { GuidedWorklist } from "./guided-worklist.js";
import { Fault, words } from "./server.js";

/** @typedef {import("./reading.js").Reading} Reading */
/** @typedef {import("./reading.js").Box} Box */
/** @typedef {import("./reading.js").Finding} Finding */

/** @param {Reading} reading @param {any[]} statements of a report, in its order */
function addStatements(reading, statements) {
  for (const one of statements) addFinding(reading, one.phrase, { said: one.sentence, state: one.negated ? "absent" : "waiting" });
}

export class Workbench extends GuidedWorklist {
  /** @param {(question: string, values?: object) => Promise<any>} ask @param {() => void} changed */
  constructor(ask, changed) {
    super(ask, changed);
    this.exporting = false;
    this.opacity = 1;
    this.threshold = 0;
    this.allHidden = false;
    /** @type {number} the sentence of the draft whose boxes are pointed out, −1 for none */ this.pointed = -1;
    /** How the film on the screen lies. @type {() => {turns?: number, flipped?: boolean}} */ this.viewOf = () => ({});
    /** Draw what changed at once; set by the room. */
    this.drawNow = () => {};
    /** Show the films that stand side by side whole; set by the stage. */
    this.fitBoth = () => {};
    /** Fold a column away, or back; set by the columns. @type {(column: import("./columns.js").Column) => void} */
    this.fold = () => {};
  }

  /** @param {Reading} reading */
  show(reading) {
    Object.assign(this, { pointed: -1, redrawing: null });
    super.show(reading);
  }

  /** @param {string} phrase */
  select(phrase) {
    if (!this.current) return;
    this.current.selected = this.current.selected === phrase ? "" : phrase;
    this.changed();
  }

  /** @param {Finding} finding @param {boolean} shown */
  showBoxes(finding, shown) {
    this.current?.hidden[shown ? "delete" : "add"](finding.phrase);
    this.changed();
  }

  /** @param {Box} box */
  drawn(box) {
    if (!this.current) return;
    this.setRegion(this.current, { box, phrase: "", said: "", busy: false }, "box drawn");
  }

  dropRegion() {
    const reading = this.current;
    if (!reading) return;
    const searched = reading.search.box;
    if (reading.region) this.setRegion(reading, null, "drawn box removed");
    for (const finding of reading.findings.filter((one) => one.within)) this.drop(finding); // it speaks of the box alone
    this.changed();
    if (searched) this.refine({ box: null });
  }

  /** What the model says of the drawn box. */
  async describe() {
    const reading = this.current;
    const region = reading?.region;
    if (!reading || !region) return;
    region.busy = true;
    this.changed();
    try {
      const { phrase } = await this.askFilm(reading, "describe", { box: region.box, anyway: reading.anyway });
      Object.assign(region, { phrase, said: phrase ? `The model says: ${phrase}` : "The model has no words for this box." });
    } catch (fault) {
      region.said = words(fault);
    }
    region.busy = false;
    this.changed();
  }

  /** Look for the phrases inside the drawn box too: answers of their own, beside those of the whole film. */
  groundHere() {
    const reading = this.current;
    const region = reading?.region;
    if (!reading || !region) return;
    const asked = reading.findings.filter((finding) => finding.state !== "absent" && !finding.within);
    if (!asked.length) {
      region.said = "First write a phrase to find.";
      return this.changed();
    }
    for (const { phrase } of asked) {
      const inside = addFinding(reading, `${phrase} in the box`, { asks: phrase, within: region.box });
      if (inside.within !== region.box) Object.assign(inside, { within: region.box, state: "waiting" }); // another box
    }
    this.find(reading);
  }

  /** Open a hit beside the film, or close it, and look for the phrases there. @param {any} hit */
  compare(hit) {
    const reading = this.current;
    if (!reading) return;
    Object.assign(reading, { compared: hit, beside: 0 });
    this.changed();
    if (hit) this.meet(reading, hit);
  }

  /** Ground the phrases on a gallery study, those without an answer, one by one. @param {Reading} reading @param {any} hit */
  async meet(reading, hit) {
    const known = reading.neighbours.get(hit.study_id) || { findings: {}, sentences: null, phrases: [], busy: false, error: "" };
    reading.neighbours.set(hit.study_id, known);
    if (known.busy) return;
    Object.assign(known, { busy: true, error: "" });
    try {
      for (;;) {
        const whole = reading.findings.filter((one) => !one.within); // a box of this film is none of that one
        const phrases = whole.map((one) => one.phrase);
        const open = whole.find((one) => one.state !== "absent" && !known.findings[one.phrase]);
        const marked = known.phrases.join("\n") === phrases.join("\n");
        if ((!open && marked) || reading.compared !== hit) break;
        // The marks cost nothing beside the boxes: the first answer brings those of all phrases.
        const { findings, sentences } = await this.ask("neighbour", { study_id: hit.study_id, phrases, look_for: open && marked ? [open.phrase] : [], anyway: reading.anyway });
        Object.assign(known, { sentences, phrases });
        if (findings.length && open) known.findings[open.phrase] = findings[0];
        this.changed();
      }
    } catch (fault) {
      known.error = words(fault);
    }
    known.busy = false;
    this.changed();
  }

  /** Phrases that came later are looked for on the study beside the film as well. @param {Reading} reading */
  answered(reading) {
    super.answered(reading);
    if (reading.compared) this.meet(reading, reading.compared);
  }

  /** Phrases worth asking, once nothing else is to be done for the film. @param {Reading} reading */
  async ready(reading) {
    if (reading.film?.unfit) return;
    try {
      const { phrases } = await this.turns.take(reading, () => this.askFilm(reading, "suggest", this.searched(reading)));
      reading.suggestions = phrases;
    } catch {
      reading.suggestions = []; // nobody asked for them
    }
    this.changed();
  }

  /** The model's draft of a report. */
  async write() {
    const reading = this.current;
    if (!reading?.film || reading.drafting === "busy") return;
    reading.drafting = "busy";
    this.changed();
    try {
      reading.draft = (await this.askFilm(reading, "draft", {})).sentences;
      reading.drafting = "";
    } catch (fault) {
      reading.drafting = words(fault);
    }
    this.changed();
  }

  /** Close what is beside the film; the focus goes back to where it was chosen. */
  close() {
    const study = this.current?.compared?.study_id;
    const film = this.partner;
    this.compare(null);
    this.drawNow();
    if (film) document.getElementById("beside")?.focus();
    for (const card of document.querySelectorAll(".hit")) if (card instanceof HTMLElement && card.dataset.study === study) card.focus();
  }

  /** Show the boxes of a sentence of the draft, or hide them again. @param {number} sentence −1 for none */
  pointOut(sentence) {
    if (sentence < 0 && this.pointed < 0) return;
    this.pointed = this.pointed === sentence ? -1 : sentence;
    this.changed();
  }

  /** Phrases that deny something are read as a report is: what they deny is not looked for. The rows come in the order written. @param {string[]} phrases */
  async addPhrases(phrases) {
    const reading = this.current;
    if (!reading || !phrases.some((phrase) => DENIAL.test(phrase))) return super.addPhrases(phrases);
    const read = await Promise.all(phrases.map((phrase) => (DENIAL.test(phrase) ? this.parts(phrase).then((parts) => parts?.statements ?? null) : [])));
    phrases.forEach((phrase, index) => {
      if (read[index]?.length) addStatements(reading, read[index]);
      else if (read[index]) addFinding(reading, phrase); // it names no finding: asked itself
    });
    return this.lookFor(reading);
  }

  /** What a text states, null where the server did not say: that is told. @param {string} text @returns {Promise<{statements: any[], sentences: any[]}|null>} */
  async parts(text) {
    try {
      return await this.ask("split_report", { text });
    } catch (fault) {
      this.tell(fault);
      return null;
    }
  }

  /** The phrases of a text that may deny something, as the server parts them. @param {string} text @returns {Promise<string[]>} */
  async parted(text) {
    try {
      return (await this.ask("part_phrases", { text })).phrases;
    } catch (fault) {
      this.tell(fault);
      return [];
    }
  }

  /** Look for what a pasted report states; true when it could be split. @param {string} text */
  async addReport(text) {
    const reading = this.current;
    if (!reading) this.tell(new Fault("First drop a film, or pick an example."));
    if (!reading || !text.trim()) return false;
    const parts = await this.parts(text);
    if (!parts) return false;
    const { statements } = parts;
    reading.pasted = parts.sentences;
    if (!statements.length) this.told = "No finding could be read from this text.";
    addStatements(reading, statements);
    this.lookFor(reading);
    return statements.length > 0;
  }

  /** What an export is told of the case. @param {Reading} reading */
  exported(reading) {
    const phrases = reading.findings.filter((finding) => finding.state === "known");
    return {
      pass: reading.pass, anyway: reading.anyway, phrases: phrases.map(spoken), boxes: phrases.map((finding) => finding.within),
      search: this.searched(reading), draft: Boolean(reading.draft), reader: this.initials, marks: reading.sheet.marks, heat: this.heat?.answer && this.lookedFor ? spoken(this.lookedFor) : "", ...this.viewOf(),
    };
  }

  /** Save the case, or the list of hits, as a file. @param {string} kind @param {boolean} [identified] name the patient of the DICOM file */
  async export(kind, identified = false) {
    const reading = this.current;
    if (!reading?.film) return this.tell(new Fault("First drop a film, or pick an example."));
    Object.assign(this, { told: "", exporting: true });
    this.changed();
    try {
      const { name, media_type, data } = await this.askFilm(reading, "export_case", { kind, identified, ...this.exported(reading) });
      save(name, new Blob([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))], { type: media_type }));
    } catch (fault) {
      this.tell(fault);
    }
    this.exporting = false;
    this.changed();
  }
}
