// @ts-check
/**
 * What a mark on a film measures, in words: pure. lofi/export/mark.py says the same in files.
 *
 * @typedef {import("./film-geometry.js").Point} Point
 * @typedef {import("./film-geometry.js").Size} Size
 * @typedef {"length"|"angle"|"ellipse"|"arrow"|"ratio"|"scale"} MarkKind
 * @typedef {object} Mark
 * @property {MarkKind} kind
 * @property {Point[]} points in 0–1 of the film: two ends; end, vertex, end; two corners; tail and head; the heart's two
 *   ends and the chest's
 * @property {string} [words] at an arrow
 * @property {number} [mm] the known length of a scale
 * @property {"model"|"corrected"} [start] a ratio's lines are the model's, or were and the reader moved them
 * @typedef {{spacing: [number, number]|null, at: string}} Scale millimetres (row, column) of a film pixel, and where they
 *   hold: "patient", "detector", "reader" (a known length that the reader gave), "" where nothing tells
 */
import { lengthOf } from "./film-geometry.js";

/** How many points each kind has. @type {Record<MarkKind, number>} */
export const POINTS = { length: 2, angle: 3, ellipse: 2, arrow: 2, ratio: 4, scale: 2 };
const WHERE = /** @type {Record<string, string>} */ ({ detector: " at the detector", reader: " by the reader’s scale" });
const START = /** @type {Record<string, string>} */ ({ model: " · lines by the model, not checked", corrected: " · the model’s lines, corrected" });

/** @param {Point} point @param {Size} size @returns {Point} */
export const onFilm = ([x, y], { width, height }) => [x * width, y * height];

/** Points that must lie apart, or a kind of mark measures nothing. @type {Record<MarkKind, [number, number][]>} */
const APART = { length: [[0, 1]], angle: [[0, 1], [1, 2]], ellipse: [[0, 1]], arrow: [[0, 1]], ratio: [[0, 1], [2, 3]], scale: [[0, 1]] };
/** Of the film's side: nearer than this two points are one. */
const ONE = 1e-4;

/** Whether a mark is none: two of its ends lie on one point. @param {Mark} mark */
export const isPoint = ({ kind, points }) => APART[kind].some(([a, b]) => points[a].every((place, axis) => Math.abs(place - points[b][axis]) < ONE));

/** Length between two points of a mark, in mm or pixels. @param {Mark} mark @param {number} from @param {number} to @param {Size} size @param {[number, number]|null} spacing */
function apart(mark, from, to, size, spacing) {
  return lengthOf(onFilm(mark.points[from], size), onFilm(mark.points[to], size), spacing).length;
}

/** The scale in force: the reader's last one, else the film's own. @param {Mark[]} marks @param {Size} size @param {[number, number]|null} spacingMm @param {string} at @returns {Scale} */
export function scaleOf(marks, size, spacingMm, at) {
  const drawn = marks.filter((mark) => mark.kind === "scale" && mark.mm).at(-1);
  if (!drawn) return { spacing: spacingMm, at };
  const factor = (drawn.mm ?? 0) / apart(drawn, 0, 1, size, spacingMm);
  const [row, column] = spacingMm ?? [1, 1];
  return { spacing: [row * factor, column * factor], at: "reader" };
}

/** Degrees between the arms of an angle. @param {Mark} mark @param {Size} size @param {[number, number]|null} spacing */
export function degrees({ points }, size, spacing) {
  const [row, column] = spacing ?? [1, 1];
  const [a, v, b] = points.map((point) => onFilm(point, size));
  const [first, second] = [a, b].map(([x, y]) => Math.atan2((y - v[1]) * row, (x - v[0]) * column));
  const between = Math.abs(first - second) % (2 * Math.PI);
  return (Math.min(between, 2 * Math.PI - between) * 180) / Math.PI;
}

/** Width of the heart by that of the chest. @param {Mark} mark @param {Size} size @param {[number, number]|null} spacing */
export function ratioOf(mark, size, spacing) {
  return apart(mark, 0, 1, size, spacing) / Math.max(apart(mark, 2, 3, size, spacing), 1e-9);
}

/** What stands at a mark. @param {Mark} mark @param {Size} size @param {Scale} scale */
export function wordsOf(mark, size, { spacing, at }) {
  const where = WHERE[at] ?? "";
  if (mark.kind === "arrow") return mark.words ?? "";
  if (mark.kind === "scale") return `${+(mark.mm ?? 0).toFixed(1)} mm: the reader’s scale`;
  if (mark.kind === "angle") return `${degrees(mark, size, spacing).toFixed(1)}°`;
  if (mark.kind === "ratio") return `heart / chest ${ratioOf(mark, size, spacing).toFixed(2)}${START[mark.start ?? ""] ?? ""}`;
  if (mark.kind === "length") {
    const length = apart(mark, 0, 1, size, spacing);
    return spacing ? `${length.toFixed(1)} mm${where}` : `${length.toFixed(0)} pixels (spacing unknown)`;
  }
  const [row, column] = spacing ?? [1, 1];
  const [[ax, ay], [bx, by]] = mark.points.map((point) => onFilm(point, size));
  const area = (Math.PI / 4) * Math.abs(bx - ax) * column * Math.abs(by - ay) * row;
  return spacing ? `${area.toFixed(area < 100 ? 1 : 0)} mm²${where}` : `${area.toFixed(0)} square pixels (spacing unknown)`;
}

/** The ratio's lines as a start, from the model's boxes of the heart and of both lungs. @param {import("./film-geometry.js").Box} heart @param {import("./film-geometry.js").Box[]} lungs @returns {Mark} */
export function ratioFrom(heart, lungs) {
  const [left, right] = [Math.min(...lungs.map((box) => box[0])), Math.max(...lungs.map((box) => box[2]))];
  const low = Math.max(...lungs.map((box) => box[3]));
  const high = Math.min(...lungs.map((box) => box[1]));
  const middle = (heart[1] + heart[3]) / 2;
  const widest = low - 0.15 * (low - high); // the chest is widest just above the diaphragm
  return { kind: "ratio", start: "model", points: [[heart[0], middle], [heart[2], middle], [left, widest], [right, widest]] };
}
