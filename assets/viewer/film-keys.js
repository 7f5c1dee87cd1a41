// @ts-check
/**
 * The keys of a film: one table, from which the keyboard, the buttons' hints and the `?` sheet are made.
 *
 * @typedef {import("./film.js").Film} Film
 * @typedef {{keys: string[], shown: string, says: string, act: (film: Film, event: KeyboardEvent) => void}} Key
 */
import { make } from "./dom.js";
import { PRESETS } from "./film-window.js";

const STEP = 40;
const FINE = 0.05;
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

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
  { keys: ["m"], shown: "M", says: "Magnifier", act: (film) => film.magnifier.toggle() },
  { keys: ["l"], shown: "L", says: "Measure a length (arrows move a cross, Enter sets its ends)", act: (film) => film.hand.take("measure") },
  { keys: ["Delete", "Backspace"], shown: "Delete", says: "Remove the last length", act: (film) => film.hand.lengths.removeLast() },
  { keys: ["b"], shown: "B", says: "Show or hide all boxes", act: (film) => film.showBoxes() },
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

/** The sheet of keys. @returns {HTMLDialogElement} */
export function keySheet() {
  const rows = KEYS.map(({ shown, says }) => make("tr", {}, make("th", { scope: "row" }, make("kbd", { text: shown })), make("td", { text: says })));
  const sheet = make("dialog", { cls: "film-help", "aria-label": "Keys of the film viewer" },
    make("h2", { text: "Keys" }),
    make("p", { text: "They work while a film has the focus: click it, or reach it with Tab. With a mouse: drag for the window, Shift or the middle button to move, the wheel to zoom. With fingers: two to zoom and move." }),
    make("table", {}, make("tbody", {}, ...rows)),
    make("button", { type: "button", text: "Close", onclick: () => sheet.close() }));
  sheet.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => event.stopPropagation());
  return sheet;
}
