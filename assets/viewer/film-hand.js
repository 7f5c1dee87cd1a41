// @ts-check
/**
 * The tool in the reader's hand, and the cross that does a pointer's work by keys.
 *
 * @typedef {import("./film-geometry.js").Point} Point
 * @typedef {import("./film-geometry.js").Box} Box
 * @typedef {import("./film-tools.js").Tool} Tool
 * @typedef {import("./film.js").Film} Film
 * @typedef {import("./film-measures.js").MarkKind} MarkKind
 * @typedef {"window"|"pan"|"draw"|"edit"|MarkKind} ToolName
 */
import { draw } from "./dom.js";
import { Boxing } from "./film-boxing.js";
import { dragged, filmGrip, moved } from "./film-geometry.js";
import { Marks } from "./film-marks.js";
import { POINTS } from "./film-measures.js";

const CROSS_STEP = 8;
const BOX_STEP = 0.01;

export class Hand {
  /** @param {Film} film @param {import("./film-sheet.js").Sheet} sheet */
  constructor(film, sheet) {
    this.film = film;
    this.marks = new Marks(film, sheet);
    this.boxing = new Boxing(film);
    this.cross = draw("path", { class: "cross" });
    /** Where the cross stands on the screen. @type {Point|null} */ this.at = null;
    /** The key has set a first corner or end. */ this.pressed = false;
    /** @type {ToolName} */ this.name = "window";
    /** What to take again after drawing or changing a box. @type {ToolName} */ this.before = "window";
    /** @type {Tool} */ this.panTool = { cursor: "grab", move: (from, to) => film.panBy(to[0] - from[0], to[1] - from[1]) };
    /** @type {Tool} */ this.windowTool = {
      cursor: "default",
      move: (from, to) => film.windowBy((to[0] - from[0]) / film.pane.width, (to[1] - from[1]) / film.pane.height),
    };
    const marking = Object.keys(POINTS).map((kind) => [kind, this.marks.tool(/** @type {MarkKind} */ (kind))]);
    /** @type {Record<ToolName, Tool>} */ this.tools = {
      window: this.windowTool, pan: this.panTool, draw: this.boxing.drawTool(), edit: this.boxing.editTool(), ...Object.fromEntries(marking),
    };
  }

  get tool() {
    return this.tools[this.name];
  }

  /** A tool is taken that draws marks. */
  get marking() {
    return this.name in POINTS;
  }

  /** What a press at a point of the screen takes hold of: a mark's point, else the tool works. @param {import("./film-geometry.js").Point} at */
  toolAt(at) {
    return (this.name !== "draw" && this.name !== "edit" && this.marks.mover(at)) || this.tool;
  }

  /** A tool is taken that needs the film's clicks for itself. */
  get busy() {
    return this.name !== "window" && this.name !== "pan";
  }

  /** @param {ToolName} name */
  take(name) {
    if (this.pressed || this.marking) this.tool.cancel?.();
    if (this.name === "draw" || this.name === "edit") this.film.emit("stop", this.name);
    this.name = name;
    this.at = null;
    this.pressed = false;
    if (name !== "draw") this.boxing.onBox = null;
    if (name !== "edit") this.boxing.edited = null;
    this.film.hint();
    this.film.redraw();
  }

  /** Draw boxes until told otherwise. @param {((box: Box) => void)|null} onBox */
  draw(onBox) {
    if (this.name !== "draw" && this.name !== "edit") this.before = this.name;
    if (onBox) {
      this.take("draw");
      this.boxing.onBox = onBox;
    } else if (this.name === "draw") this.take(this.before);
  }

  /** Change a box; null ends it. @param {number|null} finding @param {number} box @param {(box: Box) => void} onChange */
  edit(finding, box, onChange) {
    if (this.name !== "draw" && this.name !== "edit") this.before = this.name;
    if (finding !== null) {
      this.take("edit");
      this.boxing.edited = { finding, box, onChange };
    } else if (this.name === "edit") {
      this.boxing.settle();
      this.take(this.before);
    }
  }

  /** Put the tool down; false where there is nothing to stop. */
  stop() {
    if (!this.busy) return false;
    this.take(this.marking ? "window" : this.before);
    return true;
  }

  /** Arrow keys, where the tool has a use for them. @param {number} dx @param {number} dy @param {boolean} shift */
  nudge(dx, dy, shift) {
    const { film } = this;
    if (this.name === "edit" && this.boxing.box) {
      this.nudgeBox(dx, dy, shift, this.boxing.box);
      return true;
    }
    if (!this.marking && this.name !== "draw" && !film.magnifier.on) return false;
    const { width, height } = film.pane;
    const [x, y] = this.at ?? [width / 2, height / 2];
    const step = shift ? 1 : CROSS_STEP;
    const from = /** @type {Point} */ ([x, y]);
    this.at = [Math.min(Math.max(x + dx * step, 0), width), Math.min(Math.max(y + dy * step, 0), height)];
    if (this.pressed) this.tool.move(from, this.at);
    this.tool.hover?.(this.at);
    film.magnifier.follow(this.at, false);
    film.redraw();
    return true;
  }

  /** Arrows move the box on the screen, with Shift its right lower corner. @param {number} dx @param {number} dy @param {boolean} shift @param {Box} box */
  nudgeBox(dx, dy, shift, box) {
    const { turns, flipped } = this.film.view;
    const across = flipped ? -dx : dx;
    const [right, down] = [[across, dy], [dy, -across], [-across, -dy], [-dy, across]][turns].map((value) => value * BOX_STEP);
    this.boxing.setBox(shift ? dragged(box, filmGrip("se", turns, flipped), right, down) : moved(box, right, down), false);
  }

  /** Enter: a corner, an end, or the end of a change. */
  press() {
    const { film } = this;
    if (this.name === "edit" && this.boxing.box) {
      this.boxing.setBox(this.boxing.box, true);
      return;
    }
    if (!this.marking && this.name !== "draw") return;
    this.at ??= [film.pane.width / 2, film.pane.height / 2];
    if (this.pressed || this.marking) {
      if (this.marking) this.tool.begin?.(this.at);
      this.tool.end?.(this.at);
      this.pressed = false;
    } else {
      this.tool.begin?.(this.at);
      this.pressed = true;
    }
    film.redraw();
  }

  place() {
    this.marks.place();
    this.boxing.place();
    this.cross.setAttribute("d", this.at ? `M${this.at[0] - 9} ${this.at[1]}h18M${this.at[0]} ${this.at[1] - 9}v18` : "");
  }
}
