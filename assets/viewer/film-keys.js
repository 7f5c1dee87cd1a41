// @ts-check
/**
 * The keys of a film: one table, from which the keyboard, the buttons' hints and the `?` sheet are made.
 *
 * @typedef {import("./film.js").Film} Film
 * @typedef {{shown: string, says: string}} Told
 * @typedef {Told & {keys: string[], act: (film: Film, event: KeyboardEvent) => void}} Key
 */
import { make } from "./dom.js";
import { PRESETS } from "./film-window.js";
import { undoKeys } from "./history.js";

const STEP = 40;
const FINE = 0.05;
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The tools that draw marks, with their keys. @type {{kind: import("./film-measures.js").MarkKind, key: string, name: string, says: string}[]} */
export const MARKING = [
  { kind: "length", key: "l", name: "Length", says: "Measure a length (arrows move a cross, Enter sets its ends)" },
  { kind: "angle", key: "g", name: "Angle", says: "Measure an angle: end, vertex, end" },
  { kind: "ellipse", key: "e", name: "Ellipse and area", says: "Draw an ellipse and tell its area" },
  { kind: "arrow", key: "t", name: "Arrow with words", says: "Draw an arrow and write at it" },
  { kind: "ratio", key: "q", name: "Heart / chest", says: "Measure heart by chest (cardiothoracic ratio); again: start from the model’s boxes" },
  { kind: "scale", key: "s", name: "Set the scale", says: "Set the scale by a known length" },
];

/** @type {Key[]} */
export const KEYS = [
  ...PRESETS.map((preset, number) => ({
    keys: [String(number + 1)], shown: String(number + 1), says: `Window: ${preset}`, act: (/** @type {Film} */ film) => film.preset(preset),
  })),
  { keys: ["i"], shown: "I", says: "Invert black and white", act: (film) => film.invert() },
  { keys: ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], shown: "Shift + arrows", says: "Window wider, narrower, brighter, darker", act: arrow },
  { keys: ["w"], shown: "W", says: "Drag changes the window", act: (film) => film.hand.take("window") },
  { keys: ["p"], shown: "P", says: "Drag moves the film", act: (film) => film.hand.take("pan") },
  { keys: [], shown: "Arrows", says: "Move the film (or the box being changed, or the cross)", act: arrow },
  { keys: ["+", "="], shown: "+", says: "Zoom in", act: (film) => film.zoomBy(1.25) },
  { keys: ["-", "_"], shown: "−", says: "Zoom out", act: (film) => film.zoomBy(0.8) },
  { keys: ["0"], shown: "0", says: "Fit the whole film", act: (film) => film.fit() },
  { keys: ["z"], shown: "Z", says: "1:1, a film pixel for each screen pixel", act: (film) => film.actual() },
  { keys: ["r"], shown: "R", says: "Rotate a quarter to the right", act: (film) => film.turn(1) },
  { keys: ["R"], shown: "Shift + R", says: "Rotate a quarter to the left", act: (film) => film.turn(-1) },
  { keys: ["F"], shown: "Shift + F", says: "Mirror it for display; R and L move along", act: (film) => film.flip() },
  { keys: ["Home"], shown: "Home", says: "Reset all: window, zoom, place, turn, mirror", act: (film) => film.reset() },
  { keys: ["m"], shown: "M", says: "Magnifier", act: (film) => film.magnifier.toggle() },
  ...MARKING.map(({ kind, key, says }) => ({
    keys: [key], shown: key.toUpperCase(), says, act: (/** @type {Film} */ film) => film.take(kind),
  })),
  { keys: [], shown: "Ctrl + Z", says: "Undo what was done on the film", act: () => {} },
  { keys: [], shown: "Ctrl + Shift + Z", says: "Do it again", act: () => {} },
  { keys: ["Delete", "Backspace"], shown: "Delete", says: "Remove the mark touched or drawn last", act: (film, event) => (event.shiftKey ? film.sheet.clear() : film.hand.marks.remove()) },
  { keys: [], shown: "Shift + Delete", says: "Remove all marks", act: () => {} },
  { keys: ["b"], shown: "B", says: "Show or hide all boxes and marks", act: (film) => film.showBoxes() },
  { keys: ["y"], shown: "Y", says: "Show or hide what stands beside the boxes", act: (film) => film.showLabels() },
  { keys: ["n"], shown: "N", says: "Choose the next box", act: (film) => film.step(1) },
  { keys: ["N"], shown: "Shift + N", says: "Choose the box before", act: (film) => film.step(-1) },
  { keys: ["Enter"], shown: "Enter", says: "Set a corner or an end; finish a changed box", act: (film) => film.hand.press() },
  { keys: ["Escape"], shown: "Esc", says: "Stop drawing, measuring or changing", act: (film, event) => {
    if (film.hand.stop()) event.stopPropagation();
  } },
  { keys: ["f"], shown: "F", says: "Full screen", act: (film) => film.fullScreen() },
  { keys: ["?"], shown: "?", says: "This list", act: (film) => film.help() },
];

/** @param {Film} film @param {KeyboardEvent} event */
function arrow(film, event) {
  const [dx, dy] = ARROWS[event.key];
  if (film.hand.nudge(dx, dy, event.shiftKey)) return;
  if (event.shiftKey) film.windowBy(dx * FINE, dy * FINE);
  else film.panBy(-dx * STEP, -dy * STEP);
}

/** Let a film answer its keys while it, or a button of it, has the focus. @param {Film} film */
export function listenToKeys(film) {
  film.node.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const { target } = event;
    if (undoKeys(event, film.sheet.history)) return event.stopPropagation();
    const own = target instanceof HTMLButtonElement ? ["Enter", " "] : target instanceof HTMLSelectElement ? KEYS.flatMap(({ keys }) => keys) : [];
    if (event.ctrlKey || event.altKey || event.metaKey || own.includes(event.key)) return;
    const key = KEYS.find(({ keys }) => keys.includes(event.key));
    if (!key) return;
    if (event.key !== "Escape") {
      event.preventDefault(); // the page would scroll
      event.stopPropagation(); // and no other part takes the same key
    }
    key.act(film, event);
  });
}

/** Key that a button names beside its text. @param {string} says */
export function keyOf(says) {
  return KEYS.find((key) => key.says === says)?.shown ?? "";
}

/** The sheet of keys. @param {Told[]} more those of the page around the film @returns {HTMLDialogElement} */
export function keySheet(more = []) {
  const row = (/** @type {Told} */ { shown, says }) => make("tr", {}, make("th", { scope: "row" }, make("kbd", { text: shown })), make("td", { text: says }));
  const anywhere = make("tr", {}, make("th", { colspan: "2", scope: "rowgroup", text: "Anywhere on the page, but in a field:" }));
  const rows = [...KEYS.map(row), ...(more.length ? [anywhere] : []), ...more.map(row)];
  const sheet = make("dialog", { cls: "film-help", "aria-label": "Keys of the film viewer" },
    make("h2", { text: "Keys" }),
    make("p", { text: "They work while a film has the focus: click it, or reach it with Tab. With a mouse: drag for the window, Shift or the middle button to move, the wheel to zoom. With fingers: two to zoom and move." }),
    make("table", {}, make("tbody", {}, ...rows)),
    make("button", { type: "button", text: "Close", onclick: () => sheet.close() }));
  sheet.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => event.stopPropagation());
  return sheet;
}
