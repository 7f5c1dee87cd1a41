// @ts-check
/**
 * The marks of a film as they are drawn, and the tools that draw and move them. A mark's points are set by a click each,
 * or by a drag from one to the next.
 *
 * @typedef {import("./film-geometry.js").Point} Point
 * @typedef {import("./film-measures.js").Mark} Mark
 * @typedef {import("./film-measures.js").MarkKind} MarkKind
 * @typedef {import("./film-tools.js").Tool} Tool
 * @typedef {import("./film.js").Film} Film
 */
import { draw } from "./dom.js";
import { askOnFilm } from "./film-ask.js";
import { filmPoint, SMALLEST } from "./film-boxing.js";
import { toScreen } from "./film-geometry.js";
import { drawMark } from "./film-mark-lines.js";
import { onFilm, POINTS, scaleOf } from "./film-measures.js";

/** Screen pixels around a mark's point where it can be taken. */
const REACH = 9;
/** What is written at a mark once it is drawn. */
const ASKED = /** @type {Record<string, any>} */ ({
  arrow: { label: "Words at the arrow", maxlength: "80" },
  scale: { label: "Its length in mm", type: "number", min: "0.1", max: "2000", step: "any", inputmode: "decimal" },
});

export class Marks {
  /** @param {Film} film @param {import("./film-sheet.js").Sheet} sheet */
  constructor(film, sheet) {
    this.film = film;
    this.sheet = sheet;
    this.node = draw("g", { class: "marks" });
    /** The mark being drawn; its first `fixed` points stand, the next follows the pointer. @type {{mark: Mark, fixed: number}|null} */ this.draft = null;
    /** The point being moved. @type {{place: number, point: number, mark: Mark}|null} */ this.moving = null;
    /** The mark that was touched last, to be removed first. */ this.touched = -1;
    this.listener = () => {
      this.touched = -1;
      film.changed();
    };
    sheet.heard.add(this.listener);
  }

  get scale() {
    return scaleOf(this.sheet.marks, this.film.size, this.film.spacingMm, this.film.options.spacingAt ?? "");
  }

  /** @param {Point} at @returns {Point} in 0–1 of the film */
  place01(at) {
    const { film } = this;
    const [x, y] = filmPoint(film, at);
    return [x / film.size.width, y / film.size.height];
  }

  /** @param {Point} point of a mark */
  screen(point) {
    return toScreen(this.film.view, this.film.size, onFilm(point, this.film.size));
  }

  /** Points with one of them elsewhere. A ratio's lines stay level on the screen: widths are measured across the body. @param {Mark} mark @param {number} point @param {Point} at screen point @returns {Mark} */
  withPoint(mark, point, at) {
    const points = [...mark.points];
    const level = mark.kind === "ratio" ? point ^ 1 : -1; // the line's other end
    const other = points[level];
    if (!other) points[point] = this.place01(at);
    else if (this.draft) points[point] = this.place01([at[0], this.screen(other)[1]]);
    else {
      points[point] = this.place01(at);
      points[level] = this.place01([this.screen(other)[0], at[1]]);
    }
    return { ...mark, points, ...(mark.start ? { start: /** @type {"corrected"} */ ("corrected") } : {}) };
  }

  /** @param {MarkKind} kind @returns {Tool} */
  tool(kind) {
    const need = POINTS[kind];
    const follow = (/** @type {Point} */ at) => {
      if (!this.draft) return;
      this.draft.mark = this.withPoint(this.draft.mark, this.draft.fixed, at);
      this.film.redraw();
    };
    const starts = (/** @type {number} */ fixed) => fixed === 0 || (kind === "ratio" && fixed === 2);
    return {
      cursor: "crosshair",
      begin: (at) => {
        this.draft ??= { mark: { kind, points: [] }, fixed: 0 };
        if (starts(this.draft.fixed)) {
          this.draft.mark.points.push(this.place01(at));
          this.draft.fixed += 1;
        }
        follow(at);
      },
      move: (_, to) => follow(to),
      hover: follow,
      end: (at) => {
        if (!this.draft) return;
        follow(at);
        const { points } = this.draft.mark;
        const [before, last] = [points[this.draft.fixed - 1], points[this.draft.fixed]].map((point) => this.screen(point));
        if (Math.hypot(last[0] - before[0], last[1] - before[1]) < SMALLEST) return; // a click: the next point is to come
        this.draft.fixed += 1;
        if (this.draft.fixed === need) this.finish(this.draft.mark, at);
        else if (!starts(this.draft.fixed)) follow(at);
      },
      cancel: () => {
        this.draft = null;
        this.film.redraw();
      },
    };
  }

  /** @param {Mark} mark @param {Point} at */
  async finish(mark, at) {
    this.draft = null;
    if (!ASKED[mark.kind]) return this.sheet.add(mark);
    this.pending = mark;
    this.film.redraw();
    const said = await askOnFilm(this.film, at, ASKED[mark.kind]);
    this.pending = null;
    const mm = Number(said);
    if (mark.kind === "arrow" && said !== null) this.sheet.add({ ...mark, words: said.slice(0, 80) });
    else if (mark.kind === "scale" && mm > 0) this.sheet.add({ ...mark, mm });
    this.film.redraw();
  }

  /** The tool that moves the mark's point under the pointer; null where there is none. @param {Point} at @returns {Tool|null} */
  mover(at) {
    if (this.draft || !this.film.boxes.shown) return null;
    const near = this.sheet.marks.flatMap((mark, place) => mark.points.map((one, point) => {
      const [x, y] = this.screen(one);
      return { mark, place, point, away: Math.hypot(x - at[0], y - at[1]) };
    })).filter(({ away }) => away <= REACH).sort((one, other) => one.away - other.away)[0];
    if (!near) return null;
    const { mark, place, point } = near;
    return {
      cursor: "move",
      begin: () => {
        this.touched = place;
      },
      move: (_, to) => {
        this.moving = { place, point, mark: this.withPoint(mark, point, to) };
        this.film.redraw();
      },
      end: () => {
        const { moving } = this;
        this.moving = null;
        if (moving) this.sheet.replace(place, moving.mark);
        this.touched = place;
      },
      cancel: () => {
        this.moving = null;
        this.film.redraw();
      },
    };
  }

  /** The mark that was touched last, or drawn last. */
  remove() {
    this.sheet.remove(this.touched);
  }

  place() {
    const { sheet, moving, draft, scale, film } = this;
    const marks = sheet.marks.map((mark, place) => (moving?.place === place ? moving.mark : mark));
    if (this.pending) marks.push(this.pending);
    if (draft) marks.push({ ...draft.mark, words: draft.mark.words ?? "" });
    this.node.style.display = film.boxes.shown ? "" : "none";
    this.node.replaceChildren(...marks.map((mark) => drawMark(mark, mark.points.map((point) => this.screen(point)), film.size, scale, film.pane)));
  }

  destroy() {
    this.sheet.heard.delete(this.listener);
  }
}
