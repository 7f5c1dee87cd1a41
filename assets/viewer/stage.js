// @ts-check
/**
 * The middle of the room: the film, a similar study beside it, and what can be done with a box drawn on the film.
 */
import { address, button, make, renew } from "./dom.js";
import { besidePane } from "./beside.js";
import { comparedPane } from "./compare.js";
import { createFilm } from "./film.js";
import { look } from "./lines.js";
import { ROOM_KEYS } from "./room-keys.js";
import { drawnBoxes, standing } from "./standing.js";

/** @typedef {import("./workbench.js").Workbench} Workbench */
/** @typedef {import("./reading.js").Reading} Reading */

export const REGION = "the drawn box";

/**
 * The boxes that a film pane draws for the phrases of a reading.
 * @param {Workbench} bench @param {Reading} reading @param {import("./reading.js").Finding[]} findings
 */
export function shownFindings(bench, reading, findings) {
  return findings.map((finding) => ({
    phrase: finding.phrase, ...drawnBoxes(reading, finding), ...look(bench.offer, finding.number),
    hidden: bench.allHidden || reading.hidden.has(finding.phrase), selected: reading.selected === finding.phrase,
    chosen: reading.row?.phrase === finding.phrase ? standing(reading, finding).findIndex((one) => one.number === reading.row?.number) : undefined,
  }));
}

/** All boxes on the film: of the phrases, of the sentence of the draft that is pointed out, and the drawn one. @param {Workbench} bench @param {Reading} reading */
function queryFindings(bench, reading) {
  const findings = shownFindings(bench, reading, reading.findings);
  const plain = { scores: [], mark: "", by: [], numbers: [], colour: "#ffffff", hidden: false, selected: false, guess: false, chosen: undefined };
  const sentence = reading.draft?.[bench.pointed];
  if (sentence?.boxes.length) findings.push({ ...plain, phrase: "draft", boxes: sentence.boxes, dash: "6 3" });
  if (reading.region) findings.push({ ...plain, phrase: reading.region.phrase || REGION, boxes: [reading.region.box], dash: "1 3" });
  return findings;
}

/** @type {WeakMap<object, string>} */
const given = new WeakMap();

/** Hand over boxes only when they changed: a box in the reader's hand stays there. @param {any} pane @param {any[]} findings @param {string} saved */
export function setFindings(pane, findings, saved) {
  const now = JSON.stringify([findings, saved === "Saving…" ? "" : saved]);
  if (given.get(pane) === now) return;
  given.set(pane, now);
  pane.setFindings(findings);
}

/** The pane of the film itself. @param {Workbench} bench @param {Reading} reading */
function queryPane(bench, reading) {
  const film = reading.film;
  const { height, width } = film.size;
  const about = [film.view, film.kind, `${width} × ${height}`, reading.label].filter(Boolean).join(" · ");
  const pane = createFilm({
    preview: address("film", { sha256: film.sha256 }), pixels: address("pixels", { sha256: film.sha256 }),
    ratio: width / height, sizeHw: [height, width], spacingMm: film.spacing_mm, spacingAt: film.spacing_at, sides: film.sides,
    frame: "query", name: reading.name, title: about, sheet: reading.sheet, moreKeys: ROOM_KEYS, looks: true,
  });
  pane.on("select", (/** @type {string} */ phrase, /** @type {number} */ box) => bench.point(phrase, box));
  pane.on("change", (/** @type {any} */ state) => { reading.view = state; });
  pane.on("heat", () => bench.lookAt());
  pane.on("ratio", () => bench.startRatio(reading));
  if (reading.view) pane.restore(reading.view);
  pane.tellFlags(film.flags);
  return { pane, key: `${reading.key} ${film.sha256}`, reading, node: make("section", { cls: "seat query", "aria-label": reading.name }, pane.node) };
}

/** What can be asked about the box that was drawn. @param {Workbench} bench @param {Reading} reading @param {{drawing: boolean, held: any}} shown */
function regionActions(bench, reading, shown) {
  if (shown.drawing) return [make("p", { text: "Drag over the film: from one corner of the box to the other." })];
  if (shown.held) {
    const { finding, number, anew } = shown.held;
    return [make("p", { text: number < 0 || anew ? `Drag over the film to draw a box for ${finding.phrase}.` : `Drag the box of ${finding.phrase}, or its corners.` }),
      button("Done", () => bench.redraw(finding, number, anew), { key: "done", cls: "action" })];
  }
  const region = reading.region;
  if (!region) return [];
  const said = region.busy ? "Looking at the box…" : region.said;
  return [
    button("Describe this region", () => bench.describe(), { key: "describe", cls: "action" }),
    button("Find studies like this region", () => bench.refine({ box: region.box, text: "", alone: false, like: [], unlike: [] }), { key: "like-region", cls: "action" }),
    button("Look for my phrases inside this box", () => bench.groundHere(), { key: "ground-here", cls: "action", title: "Answers of their own, beside those of the whole film" }),
    button("Remove", () => bench.dropRegion(), { key: "drop-region", cls: "plain", "aria-label": "Remove the box" }),
    said && make("p", { cls: "said", role: "status", title: said, text: said }),
  ];
}

/** Seats for the film and the study beside it. */
class Stage {
  /** @param {Workbench} bench */
  constructor(bench) {
    this.bench = bench;
    this.seats = make("div", { cls: "stage" });
    /** What is known of the study beside the film. */ this.beside = make("div", { cls: "beside-told" });
    bench.viewOf = () => (this.query ? { turns: this.query.pane.view.turns, flipped: Boolean(this.query.pane.view.flipped) } : {});
    this.region = make("div", { cls: "region", role: "group", "aria-label": "The drawn box" });
    bench.fitBoth = () => [this.query, this.compared].forEach((one) => one?.pane.fit());
    /** @type {any} */ this.query = null;
    /** @type {any} */ this.compared = null;
    /** The two films move together. */ this.linked = false;
    /** The next drag draws a box to ask about. */ this.drawing = false;
    /** @type {any} the box in hand, of bench.redrawing */ this.held = null;
  }

  leave() {
    if (this.query) {
      this.query.reading.view = this.query.pane.state();
      this.query.pane.destroy();
    }
    Object.assign(this, { query: null, drawing: false, held: null });
    this.leaveCompared();
  }

  leaveCompared() {
    if (!this.compared) return;
    this.query?.pane.link(null);
    this.compared.leave?.();
    this.compared.pane.destroy();
    this.compared.seat.remove();
    this.beside.replaceChildren();
    this.compared = null;
  }

  /** @param {boolean} on */
  draws(on) {
    this.drawing = on && Boolean(this.query);
    this.query?.pane.draw(this.drawing ? (/** @type {any} */ box) => {
      this.draws(false);
      this.bench.drawn(box);
    } : null);
    if (this.drawing) this.query.node.scrollIntoView({ block: "nearest" });
    this.bench.changed();
  }

  /** Give the box to be moved, or drawn, into the reader's hand. */
  hold() {
    const { bench, query } = this;
    const wanted = query ? bench.redrawing : null;
    if (wanted === this.held) return;
    this.held = wanted;
    if (!query) return;
    query.pane.edit(null);
    query.pane.draw(null);
    if (!wanted) return;
    const { finding, number, anew } = wanted;
    if (number < 0 || anew) {
      query.pane.draw((/** @type {any} */ box) => (anew ? bench.drewAnew(finding, number, box) : bench.addBox(finding, box)));
      return;
    }
    const place = standing(query.reading, finding).findIndex((one) => one.number === number);
    query.pane.edit(query.reading.findings.indexOf(finding), place, (/** @type {any} */ box) => bench.judgeBox(finding, number, "moved", box));
  }

  showQuery() {
    const reading = this.bench.current;
    const key = reading?.film ? `${reading.key} ${reading.film.sha256}` : "";
    if (this.query ? this.query.key === key : false) return;
    this.leave();
    if (reading?.film) {
      const query = queryPane(this.bench, reading);
      this.query = query;
      query.pane.on("stop", () => this.stopped());
      renew(this.seats, key, () => [query.node]);
    } else renew(this.seats, [reading?.key, reading?.state, reading?.error], () => [emptySeat(reading)]);
  }

  /** The pane put the tool down by itself, with the Escape key. */
  stopped() {
    if (!this.drawing && !this.held) return;
    this.drawing = false;
    this.held = null;
    this.bench.redrawing = null;
    this.bench.changed();
  }

  /** What is to stand beside the film: its key, and how its pane is made. */
  neighbour() {
    const { bench } = this;
    const [reading, partner] = [bench.current, bench.partner];
    const hit = reading?.compared;
    if (!reading) return null;
    if (hit) return { key: `${reading.key} ${hit.study_id}`, open: () => comparedPane(bench, reading, hit) };
    return this.query && partner && { key: `${reading.key} film ${partner.key} ${partner.film.sha256}`, open: () => besidePane(bench, reading, partner) };
  }

  showCompared() {
    const wanted = this.neighbour();
    if (this.compared && this.compared.key !== wanted?.key) this.leaveCompared();
    if (wanted && !this.compared) {
      this.compared = wanted.open();
      this.seats.append(this.compared.seat);
      this.beside.replaceChildren(this.compared.told);
      this.linked = false;
      if (window.matchMedia("(max-width: 1099px)").matches) this.compared.seat.scrollIntoView({ block: "start" });
    }
    if (this.compared && this.linked !== this.bench.linked) {
      this.linked = this.bench.linked;
      this.query?.pane.link(this.linked ? this.compared.pane : null);
    }
    this.seats.classList.toggle("two", Boolean(this.compared));
    this.compared?.show();
  }

  show() {
    const { bench } = this;
    const reading = bench.current;
    this.showQuery();
    this.showCompared();
    if (this.query && reading) setFindings(this.query.pane, queryFindings(bench, reading), bench.saved);
    this.query?.pane.setHeat(bench.heat);
    this.hold();
    for (const one of [this.query, this.compared]) {
      one?.pane.setOpacity(bench.opacity);
      if (one && one.threshold !== bench.threshold) one.pane.setThreshold(bench.threshold);
      if (one) one.threshold = bench.threshold;
    }
    renew(this.region, reading?.film ? [this.drawing, this.held?.number, reading.region, reading.key] : null, () => (
      reading?.film ? regionActions(bench, reading, this) : []));
  }
}

/** @param {Workbench} bench */
export const mountStage = (bench) => new Stage(bench);

/** @param {Reading|null} reading */
function emptySeat(reading) {
  if (!reading) {
    return make("div", { cls: "empty" },
      make("p", { cls: "lead", text: "Drop a chest film, or pick an example." }),
      make("p", { text: "Similar studies appear beside it. Write phrases to see where the model finds them." }));
  }
  const lead = reading.state === "failed" ? "This file cannot be shown." : "Opening the film…";
  return make("div", { cls: "empty", role: reading.state === "failed" ? "alert" : "status" },
    make("p", { cls: "lead", text: lead }), reading.error && make("p", { text: reading.error }));
}
