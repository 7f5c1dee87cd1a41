// @ts-check
/**
 * What a finger, a pen or a mouse does on a film: the tool in hand takes one pointer, two pinch, the wheel zooms.
 *
 * @typedef {import("./film-geometry.js").Point} Point
 * @typedef {{begin?: (at: Point) => void, move: (from: Point, to: Point) => void, end?: (at: Point) => void,
 *   cancel?: () => void, hover?: (at: Point) => void, cursor: string}} Tool  screen points; `move` gets where the pointer
 *   was and where it is, `hover` where it is while nothing is pressed
 * @typedef {{tool: (touch: boolean, at: Point) => Tool, panTool: Tool, click: (at: Point) => void, hover: (at: Point|null, touch: boolean) => void,
 *   zoom: (at: Point, factor: number) => void}} Handling
 */

/** A press that moves less is a click. */
const STILL = 4;
const WHEEL_STEP = 0.0015;

/** Attach the handling to a film's stage. @param {HTMLElement} stage @param {Handling} handling */
export function listen(stage, handling) {
  const pointers = new Map();
  /** @type {{tool: Tool, start: Point, moved: boolean}|null} */ let held = null;

  const at = (/** @type {MouseEvent} */ event) => {
    const box = stage.getBoundingClientRect();
    return /** @type {Point} */ ([event.clientX - box.left - stage.clientLeft, event.clientY - box.top - stage.clientTop]);
  };

  const release = (/** @type {Point} */ point, /** @type {boolean} */ broken) => {
    if (!held) return;
    const { tool, moved } = held;
    held = null;
    if (broken) tool.cancel?.();
    else tool.end?.(point);
    if (!moved && !broken) handling.click(point);
  };

  stage.addEventListener("pointerdown", (event) => {
    if (event.button > 1) return;
    const point = at(event);
    pointers.set(event.pointerId, point);
    stage.setPointerCapture(event.pointerId);
    stage.focus({ preventScroll: true });
    event.preventDefault();
    if (pointers.size > 1) return release(point, true);
    held = { tool: event.button === 1 || event.shiftKey ? handling.panTool : handling.tool(event.pointerType === "touch", point), start: point, moved: false };
    held.tool.begin?.(point);
  });

  stage.addEventListener("pointermove", (event) => {
    const now = at(event);
    const before = pointers.get(event.pointerId);
    handling.hover(now, event.pointerType === "touch");
    if (!before) return;
    if (pointers.size === 2) pinch(handling, pointers, event.pointerId, now);
    else if (held) {
      held.moved ||= Math.hypot(now[0] - held.start[0], now[1] - held.start[1]) >= STILL;
      if (held.moved) held.tool.move(before, now);
      else return; // the way so far is made up for by the first move
    }
    pointers.set(event.pointerId, now);
  });

  const leave = (/** @type {PointerEvent} */ event, /** @type {boolean} */ broken) => {
    if (pointers.delete(event.pointerId)) release(at(event), broken);
  };
  stage.addEventListener("pointerup", (event) => leave(event, false));
  stage.addEventListener("pointercancel", (event) => leave(event, true));
  stage.addEventListener("pointerleave", () => handling.hover(null, false));
  stage.addEventListener("wheel", (event) => {
    event.preventDefault(); // the page stays where it is
    const lines = event.deltaMode === 1 ? 16 : 1;
    handling.zoom(at(event), Math.exp(-event.deltaY * lines * WHEEL_STEP));
  }, { passive: false });
}

/** Two fingers: what lies between them stays there, and grows as they part. @param {Handling} handling @param {Map<number, Point>} pointers @param {number} id @param {Point} now */
function pinch(handling, pointers, id, now) {
  const [other] = [...pointers].filter(([key]) => key !== id).map(([, point]) => point);
  const before = /** @type {Point} */ (pointers.get(id));
  const middle = (/** @type {Point} */ a) => /** @type {Point} */ ([(a[0] + other[0]) / 2, (a[1] + other[1]) / 2]);
  const apart = (/** @type {Point} */ a) => Math.max(Math.hypot(a[0] - other[0], a[1] - other[1]), 1);
  handling.panTool.move(middle(before), middle(now));
  handling.zoom(middle(now), apart(now) / apart(before));
}
