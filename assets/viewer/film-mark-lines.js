// @ts-check
/**
 * How a mark is drawn: lines over a dark halo, a knob at each point, its words beside it.
 *
 * @typedef {import("./film-geometry.js").Point} Point
 * @typedef {import("./film-measures.js").Mark} Mark
 */
import { draw } from "./dom.js";
import { textWidth } from "./film-boxes.js";
import { LINE } from "./film-labels.js";
import { POINTS, wordsOf } from "./film-measures.js";

const HEAD = 12;
const TICK = 7;

/** @param {Point} a @param {Point} b */
const line = ([ax, ay], [bx, by]) => `M${ax} ${ay}L${bx} ${by}`;

/** Path of a mark through its screen points. @param {Mark} mark @param {Point[]} points */
function pathOf({ kind }, points) {
  const [a, b, c, d] = points;
  if (!b) return "";
  if (kind === "ellipse") {
    const [rx, ry] = [Math.abs(b[0] - a[0]) / 2, Math.abs(b[1] - a[1]) / 2];
    return `M${Math.min(a[0], b[0])} ${(a[1] + b[1]) / 2}a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0`;
  }
  if (kind === "arrow") {
    const angle = Math.atan2(b[1] - a[1], b[0] - a[0]);
    const barb = (/** @type {number} */ turn) => line(b, [b[0] - HEAD * Math.cos(angle + turn), b[1] - HEAD * Math.sin(angle + turn)]);
    return line(a, b) + barb(0.45) + barb(-0.45);
  }
  if (kind === "angle") return line(a, b) + (c ? line(b, c) : "");
  const tick = (/** @type {Point} */ [x, y]) => line([x, y - TICK], [x, y + TICK]);
  if (kind === "ratio") return line(a, b) + tick(a) + tick(b) + (c && d ? line(c, d) + tick(c) + tick(d) : "");
  return line(a, b);
}

/** Screen point beside which a mark's words stand. @param {Mark} mark @param {Point[]} points @returns {Point} */
function besideOf({ kind }, points) {
  if (kind === "angle") return points[1];
  if (kind === "arrow") return points[0];
  if (kind === "ratio") return points[0][0] > points[1][0] ? points[0] : points[1]; // to the right of the heart, mirrored too
  return points[points.length - 1];
}

/** @param {Mark} mark @param {Point[]} points its points on the screen @param {import("./film-geometry.js").Size} size @param {import("./film-measures.js").Scale} scale @param {import("./film-geometry.js").Size} pane */
export function drawMark(mark, points, size, scale, pane) {
  const group = draw("g", { class: `mark ${mark.kind}` });
  const d = pathOf(mark, points);
  for (const cls of ["halo", "line"]) group.append(draw("path", { class: cls, d }));
  for (const [cx, cy] of points) group.append(draw("circle", { class: "line", cx, cy, r: 3 }));
  const said = points.length === POINTS[mark.kind] ? wordsOf(mark, size, scale) : "";
  if (!said) return group;
  const [x, y] = besideOf(mark, points);
  const width = textWidth(said) + 10;
  const room = pane.width - width - 2;
  // Where there is no room beside the point, below it: words at the edge would be cut.
  const at = x + 8 <= room ? [x + 8, y - LINE / 2] : [Math.max(0, room), y + LINE / 2];
  const label = draw("g", { class: "label", transform: `translate(${at[0]} ${at[1]})` });
  const text = draw("text", { x: 5, y: LINE - 5 });
  text.textContent = said;
  label.append(draw("rect", { width, height: LINE, rx: 3 }), text);
  group.append(label);
  return group;
}
