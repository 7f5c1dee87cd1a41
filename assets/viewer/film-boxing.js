// @ts-check
/**
 * A box that is being drawn on a film, and one that is being changed. Kept in film points, drawn in screen pixels.
 *
 * @typedef {import("./film-geometry.js").Box} Box
 * @typedef {import("./film-geometry.js").Point} Point
 * @typedef {import("./film-geometry.js").Grip} Grip
 * @typedef {import("./film-tools.js").Tool} Tool
 * @typedef {import("./film.js").Film} Film
 */
import { draw } from "./dom.js";
import { boxBetween, dragged, filmGrip, gripAt, grips, onScreen, toFilm, toScreen } from "./film-geometry.js";
import { setRect } from "./film-boxes.js";

/** Smaller boxes, in screen pixels, are slips of the hand. */
export const SMALLEST = 6;
const REACH = 12;

/** The film's point under a screen point, on the film's edge where that lies beside it. @param {Film} film @param {Point} at @returns {Point} */
export function filmPoint(film, at) {
  const [x, y] = toFilm(film.view, film.size, at);
  return [Math.min(Math.max(x, 0), film.size.width), Math.min(Math.max(y, 0), film.size.height)];
}

/** @param {Film} film @param {Point} a @param {Point} b film points */
function apart(film, a, b) {
  const [from, to] = [toScreen(film.view, film.size, a), toScreen(film.view, film.size, b)];
  return { across: Math.abs(from[0] - to[0]), down: Math.abs(from[1] - to[1]) };
}

/** A box that is being drawn, and one that is being changed. */
export class Boxing {
  /** @param {Film} film */
  constructor(film) {
    this.film = film;
    this.node = draw("g", { class: "boxing" });
    /** @type {((box: Box) => void)|null} */ this.onBox = null;
    /** @type {[Point, Point]|null} */ this.draft = null;
    /** @type {{finding: number, box: number, onChange: (box: Box) => void}|null} */ this.edited = null;
    /** The box was moved by keys, and nobody was told of it yet. */ this.nudged = false;
  }

  /** @returns {Tool} */
  drawTool() {
    const { film } = this;
    return {
      cursor: "crosshair",
      begin: (at) => {
        this.draft = [filmPoint(film, at), filmPoint(film, at)];
      },
      move: (_, to) => {
        if (this.draft) this.draft[1] = filmPoint(film, to);
        film.redraw();
      },
      end: (at) => {
        const draft = this.draft;
        this.draft = null;
        if (draft) {
          draft[1] = filmPoint(film, at);
          const { across, down } = apart(film, ...draft);
          if (Math.min(across, down) >= SMALLEST) this.onBox?.(boxBetween(...draft, film.size));
        }
        film.redraw();
      },
      cancel: () => {
        this.draft = null;
        film.redraw();
      },
    };
  }

  /** The edited box; null when its finding has gone. @returns {Box|null} */
  get box() {
    const { edited, film } = this;
    return edited ? film.boxes.findings[edited.finding]?.boxes[edited.box] ?? null : null;
  }

  /** @param {Box} box @param {boolean} done */
  setBox(box, done) {
    const { edited, film } = this;
    if (!edited || !this.box) return;
    film.boxes.findings = film.boxes.findings.map((finding, number) => number !== edited.finding ? finding : {
      ...finding, boxes: finding.boxes.map((old, place) => (place === edited.box ? box : old)),
    });
    film.redraw();
    this.nudged = !done;
    if (done) edited.onChange(box);
  }

  /** Hand over what keys have changed. */
  settle() {
    if (this.nudged && this.box) this.setBox(this.box, true);
    this.nudged = false;
  }

  /** @returns {Tool} */
  editTool() {
    const { film } = this;
    /** @type {Box|null} */ let before = null;
    /** @type {Grip|null} */ let grip = null;
    /** @type {Point} */ let start = [0, 0];
    return {
      cursor: "move",
      begin: (at) => {
        before = this.box;
        const held = before && gripAt(onScreen(film.view, film.size, before), at, REACH);
        grip = held && filmGrip(held, film.view.turns, film.view.flipped);
        start = toFilm(film.view, film.size, at);
      },
      move: (from, to) => {
        if (!grip || !before) return film.panBy(to[0] - from[0], to[1] - from[1]);
        const [x, y] = toFilm(film.view, film.size, to);
        const { width, height } = film.size;
        this.setBox(dragged(before, grip, (x - start[0]) / width, (y - start[1]) / height), false);
      },
      end: () => {
        const box = this.box;
        if (grip && box && before && String(box) !== String(before)) this.setBox(box, true);
        grip = null;
      },
      cancel: () => {
        if (before) this.setBox(before, false);
        grip = null;
      },
    };
  }

  place() {
    const { view, size } = this.film;
    this.node.replaceChildren();
    if (this.draft) {
      const box = boxBetween(...this.draft, size);
      for (const kind of ["halo", "line"]) {
        const rect = draw("rect", { class: kind });
        setRect(rect, onScreen(view, size, box));
        this.node.append(rect);
      }
    }
    if (this.box) {
      for (const [, [x, y]] of grips(onScreen(view, size, this.box))) {
        this.node.append(draw("rect", { class: "grip", x: x - 4, y: y - 4, width: 8, height: 8 }));
      }
    }
  }
}
