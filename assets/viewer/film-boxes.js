// @ts-check
/**
 * Boxes and their names over the film, as vectors in screen pixels: thin at any zoom. Phrases come from strangers and
 * reach the page as text only.
 *
 * @typedef {import("./film-geometry.js").Box} Box
 * @typedef {import("./film-geometry.js").Point} Point
 * @typedef {import("./film-geometry.js").Size} Size
 * @typedef {import("./film-geometry.js").View} View
 * @typedef {{phrase: string, boxes: Box[], scores?: (number|undefined)[], by?: string[], numbers?: number[], colour: string,
 *   dash?: string, hidden?: boolean, selected?: boolean, dotted?: boolean, mark?: string, guess?: boolean, chosen?: number}} Finding a guess is drawn
 *   thin, in short dashes; a box `by` a reader solid, with a light rim and initials, never with a score; `chosen`: which box
 *   of a selected one
 * @typedef {{finding: number, box: number}} Chosen
 * @typedef {{chosen: Chosen, name: string, width: number, nodes: {halo: SVGElement, line: SVGElement, label: SVGElement}}} Drawn
 */
import { draw, percent } from "./dom.js";
import { contains, onScreen } from "./film-geometry.js";
import { LINE, placed } from "./film-labels.js";

const LONGEST = 34;
/** As lofi.film.view draws it in pictures. */
const GUESS_DASH = "3 4";
const FONT = "600 12px system-ui, sans-serif";
const PADDING = 5;
/** In place of a box's number: all of the finding. */
const ALL = -1;
/** Screen pixels beside a box that still belong to it. */
const REACH = 4;

/** Boxes of findings over one film. */
export class BoxLayer {
  constructor() {
    this.node = draw("g", { class: "boxes" });
    /** @type {Finding[]} */ this.findings = [];
    /** @type {Drawn[]} */ this.drawn = [];
    /** @type {Chosen|null} */ this.chosen = null;
    this.threshold = 0;
    this.shown = true;
    /** Names and numbers beside the boxes. */ this.labelled = true;
    /** Under the pointer. @type {Chosen|null} */ this.hovered = null;
  }

  /** @param {Finding[]} findings */
  setFindings(findings) {
    const chosen = this.chosen && this.findings[this.chosen.finding];
    this.findings = findings;
    const told = findings.some(({ selected }) => selected !== undefined); // else the film remembers by itself
    const finding = findings.findIndex(({ selected, phrase }) => (told ? selected : phrase === chosen?.phrase));
    const same = findings[finding]?.phrase === chosen?.phrase;
    const kept = same && this.chosen ? this.chosen.box : ALL;
    this.chosen = finding < 0 ? null : { finding, box: findings[finding].chosen ?? kept };
    this.rebuild();
  }

  /** Make the elements again: the findings, the threshold or the choice have changed. */
  rebuild() {
    this.drawn = this.visible().map((chosen) => this.element(chosen));
    const lines = this.drawn.flatMap(({ nodes }) => [nodes.halo, nodes.line]);
    this.node.replaceChildren(...lines, ...(this.labelled ? this.drawn.map(({ nodes }) => nodes.label) : []));
  }

  /** The boxes that are to be seen, finding by finding. @returns {Chosen[]} */
  visible() {
    if (!this.shown) return [];
    return this.findings.flatMap(({ boxes, scores, hidden }, finding) => boxes
      .map((_, box) => ({ finding, box }))
      .filter(({ box }) => !hidden && (scores?.[box] ?? 1) >= this.threshold));
  }

  /** @param {Chosen} chosen @returns {Drawn} */
  element(chosen) {
    const { phrase, scores, numbers, colour, dash, dotted, ...finding } = this.findings[chosen.finding];
    const by = finding.by?.[chosen.box] ?? "";
    const guess = finding.guess && !by;
    const score = by ? undefined : scores?.[chosen.box];
    const number = numbers?.[chosen.box] ? ` ${numbers[chosen.box]}` : "";
    const short = phrase.length > LONGEST ? `${phrase.slice(0, LONGEST - 1)}…` : phrase;
    const name = `${short}${number}${score === undefined ? "" : ` ${percent(score)}`}${guess ? " · a guess" : ""}${by && ` · ${by}`}`;
    /* named when chosen or pointed at, else by its mark */ const told = finding.mark && !this.isChosen(chosen) && !this.isHovered(chosen) ? `${finding.mark}${guess ? " ?" : ""}${by && ` · ${by}`}` : name;
    const mark = `${this.isChosen(chosen) ? " chosen" : ""}${guess ? " guess" : ""}${by ? " reader" : ""}`;
    const halo = draw("rect", { class: `halo${mark}` });
    const line = draw("rect", { class: `line${mark}`, "stroke-dasharray": by ? "" : dotted ? "1 4" : guess ? GUESS_DASH : dash ?? "" });
    line.style.stroke = colour;
    const width = textWidth(told) + 2 * PADDING;
    const label = draw("g", { class: `label${mark}` });
    const text = draw("text", { x: PADDING, y: LINE - 5 });
    text.textContent = told;
    text.style.fill = by ? "#ffffff" : colour;
    const whole = draw("title", {});
    whole.textContent = finding.mark ? name : phrase;
    label.append(draw("rect", { width, height: LINE, rx: 3 }), text, whole);
    return { chosen, name, width, nodes: { halo, line, label } };
  }

  /** The box under the pointer tells its name; true when it is another one than before. @param {Point|null} at @param {View} view @param {Size} size */
  hover(at, view, size) {
    const under = at && this.at(at, view, size);
    if (under?.finding === this.hovered?.finding && under?.box === this.hovered?.box) return false;
    this.hovered = under;
    this.rebuild();
    return true;
  }

  /** @param {Chosen} chosen */
  isHovered({ finding, box }) {
    return this.hovered?.finding === finding && this.hovered.box === box;
  }

  /** @param {Chosen} chosen */
  isChosen({ finding, box }) {
    return this.chosen?.finding === finding && (this.chosen.box === box || this.chosen.box === ALL);
  }

  /** Put everything where the view has it. @param {View} view @param {Size} size @param {Size} pane */
  place(view, size, pane) {
    const rects = this.drawn.map(({ chosen }) => onScreen(view, size, this.findings[chosen.finding].boxes[chosen.box]));
    const labels = placed(rects.map((box, number) => ({ box, width: this.drawn[number].width })), pane);
    this.drawn.forEach(({ nodes }, number) => {
      for (const node of [nodes.halo, nodes.line]) setRect(node, rects[number]);
      const at = labels[number];
      nodes.label.style.display = at ? "" : "none";
      if (at) nodes.label.setAttribute("transform", `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`);
    });
  }

  /** The smallest visible box at a screen point. @param {Point} point @param {View} view @param {Size} size @returns {Chosen|null} */
  at(point, view, size) {
    const under = this.drawn
      .map(({ chosen }) => ({ chosen, rect: onScreen(view, size, this.findings[chosen.finding].boxes[chosen.box]) }))
      .filter(({ rect }) => contains(rect, point, REACH))
      .sort((a, b) => a.rect.width * a.rect.height - b.rect.width * b.rect.height);
    return under[0]?.chosen ?? null;
  }

  /** The next visible box after the chosen one, first after last. @param {1|-1} step @returns {Chosen|null} */
  next(step) {
    const all = this.drawn.map(({ chosen }) => chosen);
    if (!all.length) return null;
    const now = all.findIndex((chosen) => this.isChosen(chosen));
    return all[now < 0 ? (step > 0 ? 0 : all.length - 1) : (now + step + all.length) % all.length];
  }
}

/** @param {SVGElement} node @param {import("./film-geometry.js").Rect} rect */
export function setRect(node, rect) {
  for (const [name, value] of Object.entries(rect)) node.setAttribute(name, value.toFixed(1));
}

/** @type {CanvasRenderingContext2D|null} */ let measuring = null;

/** Width of a label's text in screen pixels. @param {string} text */
export function textWidth(text) {
  measuring ??= document.createElement("canvas").getContext("2d");
  if (!measuring) return 7 * text.length;
  measuring.font = FONT;
  return Math.ceil(measuring.measureText(text).width);
}
