// @ts-check
/**
 * Where a film's points lie on the screen, and back: pure functions.
 *
 * Film points are pixels of the film, x to the right, y down, [0, width] by [0, height]; boxes are [x0, y0, x1, y1] in
 * 0–1 of it; screen points are CSS pixels of the pane. A film turned by `turns` quarters clockwise has its left upper
 * corner at (left, top) of the pane and is `scale` screen pixels large for each of its own. `flipped` mirrors it then,
 * left to right on the screen.
 *
 * @typedef {[number, number]} Point
 * @typedef {[number, number, number, number]} Box
 * @typedef {{width: number, height: number}} Size
 * @typedef {{scale: number, left: number, top: number, turns: number, flipped?: boolean}} View
 * @typedef {{x: number, y: number, width: number, height: number}} Rect
 * @typedef {"n"|"s"|"e"|"w"|"ne"|"nw"|"se"|"sw"|"inside"} Grip
 */

/** Screen pixels for a film pixel, at most: beyond it single pixels fill the pane. */
export const LARGEST_SCALE = 32;
/** The smallest scale, as a part of the scale that fits. */
export const SMALLEST_PART = 0.25;
/** Screen pixels of the film that stay in the pane however far it is moved. */
const KEPT = 48;

const clamp = (/** @type {number} */ value, /** @type {number} */ low, /** @type {number} */ high) =>
  Math.min(Math.max(value, low), Math.max(low, high));

/** Size of the film as it lies, turned. @param {Size} size @param {number} turns @returns {Size} */
export function turnedSize({ width, height }, turns) {
  return turns % 2 ? { width: height, height: width } : { width, height };
}

/** @param {View} view @param {Size} size @param {Point} point on the film @returns {Point} on the screen */
export function toScreen(view, { width, height }, [x, y]) {
  const [across, down] = [[x, y], [height - y, x], [width - x, height - y], [y, width - x]][view.turns];
  const long = view.turns % 2 ? height : width;
  return [view.left + view.scale * (view.flipped ? long - across : across), view.top + view.scale * down];
}

/** @param {View} view @param {Size} size @param {Point} point on the screen @returns {Point} on the film */
export function toFilm(view, { width, height }, [x, y]) {
  const long = view.turns % 2 ? height : width;
  const across = (x - view.left) / view.scale;
  const u = view.flipped ? long - across : across;
  const v = (y - view.top) / view.scale;
  return /** @type {Point} */ ([[u, v], [v, height - u], [width - u, height - v], [width - v, u]][view.turns]);
}

/** The whole film, as large as the pane allows, in its middle. @param {Size} size @param {Size} pane @param {number} turns @param {boolean} [flipped] @returns {View} */
export function fitted(size, pane, turns, flipped = false) {
  const { width, height } = turnedSize(size, turns);
  const scale = Math.min(pane.width / width, pane.height / height);
  return { scale, left: (pane.width - scale * width) / 2, top: (pane.height - scale * height) / 2, turns, flipped };
}

/** Keep the film in the middle while it is smaller than the pane, and a part of it in sight always. @param {View} view @param {Size} size @param {Size} pane @returns {View} */
export function held(view, size, pane) {
  const { width, height } = turnedSize(size, view.turns);
  const along = (/** @type {number} */ start, /** @type {number} */ long, /** @type {number} */ room) =>
    long <= room ? (room - long) / 2 : clamp(start, KEPT - long, room - KEPT);
  return {
    ...view,
    left: along(view.left, view.scale * width, pane.width),
    top: along(view.top, view.scale * height, pane.height),
  };
}

/** @param {View} view @param {Size} size @param {Size} pane @param {number} dx @param {number} dy */
export function panned(view, size, pane, dx, dy) {
  return held({ ...view, left: view.left + dx, top: view.top + dy }, size, pane);
}

/** Larger by `factor`; what lies under the screen point stays there, unless the film then shrinks to the middle. @param {View} view @param {Size} size @param {Size} pane @param {Point} point @param {number} factor */
export function zoomed(view, size, pane, [x, y], factor) {
  const fit = fitted(size, pane, view.turns).scale;
  const scale = clamp(view.scale * factor, SMALLEST_PART * fit, Math.max(LARGEST_SCALE, fit));
  const grown = scale / view.scale;
  return held({ ...view, scale, left: x - grown * (x - view.left), top: y - grown * (y - view.top) }, size, pane);
}

/** The view with film point `at` on screen point `point`. @param {View} view @param {Size} size @param {Point} at @param {Point} point @returns {View} */
function anchored(view, size, at, point) {
  const [x, y] = toScreen(view, size, at);
  return { ...view, left: view.left + point[0] - x, top: view.top + point[1] - y };
}

/** Turned by quarters clockwise around what lies in the pane's middle, as large as it was. @param {View} view @param {Size} size @param {Size} pane @param {number} quarters */
export function turned(view, size, pane, quarters) {
  const turns = (((view.turns + quarters) % 4) + 4) % 4;
  const middle = /** @type {Point} */ ([pane.width / 2, pane.height / 2]);
  return held(anchored({ ...view, turns }, size, toFilm(view, size, middle), middle), size, pane);
}

/**
 * What two linked films of different size have in common, and what outlives a change of the pane's size.
 * @typedef {{zoom: number, centre: Point}} Place zoom 1 = fits; centre in 0–1 of the film
 * @param {View} view @param {Size} size @param {Size} pane @returns {Place}
 */
export function placeOf(view, size, pane) {
  const [x, y] = toFilm(view, size, [pane.width / 2, pane.height / 2]);
  return { zoom: view.scale / fitted(size, pane, view.turns).scale, centre: [x / size.width, y / size.height] };
}

/** @param {Place} place @param {Size} size @param {Size} pane @param {number} turns @param {boolean} [flipped] */
export function viewAt({ zoom, centre }, size, pane, turns, flipped = false) {
  const fit = fitted(size, pane, turns, flipped);
  const at = /** @type {Point} */ ([centre[0] * size.width, centre[1] * size.height]);
  const larger = { ...fit, scale: fit.scale * zoom };
  return held(anchored(larger, size, at, [pane.width / 2, pane.height / 2]), size, pane);
}

/** @param {View} view @param {Size} size @param {Box} box @returns {Rect} */
export function onScreen(view, size, [x0, y0, x1, y1]) {
  const [ax, ay] = toScreen(view, size, [x0 * size.width, y0 * size.height]);
  const [bx, by] = toScreen(view, size, [x1 * size.width, y1 * size.height]);
  return { x: Math.min(ax, bx), y: Math.min(ay, by), width: Math.abs(ax - bx), height: Math.abs(ay - by) };
}

/** The box between two film points, cut at the film's edges. @param {Point} a @param {Point} b @param {Size} size @returns {Box} */
export function boxBetween(a, b, { width, height }) {
  const across = [a[0] / width, b[0] / width].map((value) => clamp(value, 0, 1)).sort((p, q) => p - q);
  const down = [a[1] / height, b[1] / height].map((value) => clamp(value, 0, 1)).sort((p, q) => p - q);
  return [across[0], down[0], across[1], down[1]];
}

/** The box moved as far as it stays on the film. @param {Box} box @param {number} dx @param {number} dy in 0–1 @returns {Box} */
export function moved([x0, y0, x1, y1], dx, dy) {
  const right = clamp(dx, -x0, 1 - x1);
  const down = clamp(dy, -y0, 1 - y1);
  return [x0 + right, y0 + down, x1 + right, y1 + down];
}

/** The box dragged by a grip of the film (not of the screen). @param {Box} box @param {Grip} grip @param {number} dx @param {number} dy @returns {Box} */
export function dragged(box, grip, dx, dy) {
  if (grip === "inside") return moved(box, dx, dy);
  let [x0, y0, x1, y1] = box;
  if (grip.includes("w")) x0 += dx;
  if (grip.includes("e")) x1 += dx;
  if (grip.includes("n")) y0 += dy;
  if (grip.includes("s")) y1 += dy;
  return boxBetween([x0, y0], [x1, y1], { width: 1, height: 1 });
}

const AROUND = /** @type {Grip[]} */ (["n", "ne", "e", "se", "s", "sw", "w", "nw"]);

/** The film's grip that a grip of the screen is, when the film is turned or mirrored. @param {Grip} grip @param {number} turns @param {boolean} [flipped] @returns {Grip} */
export function filmGrip(grip, turns, flipped = false) {
  if (grip === "inside") return grip;
  const place = AROUND.indexOf(grip);
  return AROUND[((flipped ? 8 - place : place) - 2 * turns + 16) % 8];
}

/** Mirrored left to right on the screen, around the pane's middle. @param {View} view @param {Size} size @param {Size} pane @returns {View} */
export function mirrored(view, size, pane) {
  const long = view.scale * turnedSize(size, view.turns).width;
  return held({ ...view, flipped: !view.flipped, left: pane.width - view.left - long }, size, pane);
}

/** Screen points of a rectangle's eight grips. @param {Rect} rect @returns {[Grip, Point][]} */
export function grips({ x, y, width, height }) {
  return AROUND.map((grip) => [grip, [
    grip.includes("w") ? x : grip.includes("e") ? x + width : x + width / 2,
    grip.includes("n") ? y : grip.includes("s") ? y + height : y + height / 2,
  ]]);
}

/** The grip at a screen point, null beside the rectangle. @param {Rect} rect @param {Point} point @param {number} reach @returns {Grip|null} */
export function gripAt(rect, [x, y], reach) {
  let nearest = /** @type {Grip|null} */ (null);
  let least = reach;
  for (const [grip, at] of grips(rect)) {
    const distance = Math.hypot(x - at[0], y - at[1]);
    if (distance <= least) [nearest, least] = [grip, distance];
  }
  return nearest ?? (contains(rect, [x, y], 0) ? "inside" : null);
}

/** @param {Rect} rect @param {Point} point @param {number} reach */
export function contains({ x, y, width, height }, [px, py], reach) {
  return px >= x - reach && px <= x + width + reach && py >= y - reach && py <= y + height + reach;
}

/** Length of a line between film points: mm where the spacing (row, column) is known, else pixels. @param {Point} a @param {Point} b @param {[number, number]|null} spacingMm */
export function lengthOf([ax, ay], [bx, by], spacingMm) {
  const [row, column] = spacingMm ?? [1, 1];
  return { length: Math.hypot((bx - ax) * column, (by - ay) * row), unit: spacingMm ? "mm" : "px" };
}

/**
 * The pane's edges at which the patient's right and left lie: the film's left edge, its right edge, turned.
 * @param {number} turns @param {boolean} [flipped] @returns {{right: string, left: string}}
 */
export function sideEdges(turns, flipped = false) {
  const edges = flipped ? ["right", "top", "left", "bottom"] : ["left", "top", "right", "bottom"];
  return { right: edges[turns], left: edges[(turns + 2) % 4] };
}
