// @ts-check
/**
 * Two films of the worklist side by side: what is asked of the one is asked of the other.
 */
import { JudgedWorklist } from "./judged-worklist.js";
import { addFinding } from "./reading.js";

/** @typedef {import("./reading.js").Reading} Reading */

export class PairedWorklist extends JudgedWorklist {
  /** @param {(question: string, values?: object) => Promise<any>} ask @param {() => void} changed */
  constructor(ask, changed) {
    super(ask, changed);
    /** Films side by side share window, zoom and place. */ this.linked = true;
  }

  /** The film beside the one on the screen. */
  get partner() {
    return this.partnerOf(this.current);
  }

  /** @param {Reading|null} reading */
  partnerOf(reading) {
    return this.worklist.find((other) => other !== reading && other.film && other.key === reading?.beside) ?? null;
  }

  /** @param {boolean} on */
  link(on) {
    this.linked = on;
    this.changed();
  }

  /** Put a film of the worklist beside the one on the screen, and look for the phrases of each on both. @param {Reading|null} other */
  putBeside(other) {
    const reading = this.current;
    if (!reading?.film || other === reading) return;
    Object.assign(reading, { compared: null, beside: other?.key ?? 0 });
    this.changed();
    if (!other) return;
    this.share(other, reading);
    this.share(reading, other);
  }

  /** Look for the phrases of one film on another as well. @param {Reading} from @param {Reading} to */
  share(from, to) {
    const open = from.findings.filter((finding) => finding.state !== "absent" && !finding.within);
    for (const { phrase } of open) addFinding(to, phrase);
    // Else it comes after the first hits; two films that each have the other beside them would ask one another for ever.
    if (to.film && to.hits && to.findings.some((finding) => finding.state === "waiting")) this.find(to);
  }

  /** Phrases that came later are looked for on the film beside as well. @param {Reading} reading */
  answered(reading) {
    const partner = this.partnerOf(reading);
    if (partner && reading.findings.some((finding) => finding.state !== "absent" && !finding.within)) this.share(reading, partner);
  }
}
