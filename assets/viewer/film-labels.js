// @ts-check
/**
 * Where the names of boxes go, so that they can be read: pure. Each stands at its own box where there is room, else
 * one line further up or down until it covers no other.
 *
 * @typedef {import("./film-geometry.js").Rect} Rect
 * @typedef {import("./film-geometry.js").Size} Size
 */

export const LINE = 18;
const GAP = 3;

/**
 * Left upper corners of the labels, in the order given; null for a box outside the pane.
 * @param {{box: Rect, width: number}[]} labels widths of the texts
 * @param {Size} pane
 * @returns {(Rect|null)[]}
 */
export function placed(labels, pane) {
  /** @type {Rect[]} */ const taken = [];
  return labels.map(({ box, width }) => {
    if (box.x > pane.width || box.y > pane.height || box.x + box.width < 0 || box.y + box.height < 0) return null;
    const candidates = places(box, width, pane);
    const free = candidates.find((place) => !taken.some((other) => overlap(place, other))) ?? candidates[0];
    taken.push(free);
    return free;
  });
}

/** Good places first. @param {Rect} box @param {number} width @param {Size} pane @returns {Rect[]} */
function places(box, width, pane) {
  const within = (/** @type {number} */ x, /** @type {number} */ y) => ({
    x: Math.min(Math.max(x, 0), Math.max(0, pane.width - width)),
    y: Math.min(Math.max(y, 0), Math.max(0, pane.height - LINE)),
    width,
    height: LINE,
  });
  const [left, right] = [box.x, box.x + box.width - width];
  const [above, below] = [box.y - LINE - GAP, box.y + box.height + GAP];
  const around = [[left, above], [right, above], [left, below], [right, below], [left, box.y + GAP]];
  for (let step = 1; step * LINE < pane.height; step += 1) {
    around.push([left, above - step * (LINE + 1)], [left, below + step * (LINE + 1)], [left, above + step * (LINE + 1)]);
  }
  return around.map(([x, y]) => within(x, y));
}

/** @param {Rect} a @param {Rect} b */
export function overlap(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
