// @ts-check
/**
 * The film's toolbar: buttons with a drawn sign, a name for those who hear it, and the key in the hint.
 *
 * @typedef {import("./film.js").Film} Film
 */
import { draw, make } from "./dom.js";
import { keyOf, MARKING } from "./film-keys.js";
import { PRESETS } from "./film-window.js";

/** Signs on a field of 20 by 20, lines only. @type {Record<string, string>} */
const SIGNS = {
  window: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  pan: "M10 2v16M2 10h16M10 2 8 4.5M10 2l2 2.5M10 18l-2-2.5M10 18l2-2.5M2 10l2.5-2M2 10l2.5 2M18 10l-2.5-2M18 10l-2.5 2",
  measure: "M2 13 13 2l5 5L7 18zM5 10l2 2M8 7l2.5 2.5M11 4l2 2",
  mark: "M3 16 9 5l6 11M5 12h7M16 4v5M13.500 6.500h5",
  invert: "M3 3h14v14H3zM3 17 17 3M6 15h9V6z",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  fit: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4M7 7h6v6H7z",
  rotate: "M16 10a6 6 0 1 1-2-4.5M16.500 2.500v4h-4",
  flip: "M10 2v16M7 5 2 15h5zM13 5l5 10h-5z",
  reset: "M4 10a6 6 0 1 0 2-4.500M3.500 2.500v4h4M8 10h4",
  heat: "M10 2c1 4 5 5 5 10a5 5 0 0 1-10 0c0-2 1-3 2-4 0 2 1 3 2 3 1-3-1-5 1-9z",
  magnify: "M8.500 3.500a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM12.500 12.500 17 17M8.500 6v5M6 8.500h5",
  boxes: "M3 5h9v9H3zM8 14v3h9V8h-5",
  full: "M3 8V3h5M12 3h5v5M17 12v5h-5M8 17H3v-5",
};

/** Before the number of a look of the file. */
const LOOK = "look ";

/** @param {string} name */
function sign(name) {
  const picture = draw("svg", { viewBox: "0 0 20 20", class: "film-sign", "aria-hidden": "true" });
  picture.append(draw("path", { d: SIGNS[name] }));
  return picture;
}

/** Choices that a sign folds away; they lie over the film, which stays where it is. @param {string} show @param {string} says @param {HTMLElement[]} choices @returns {HTMLDetailsElement} */
function menu(show, says, choices) {
  const node = make("details", { cls: "film-menu" }, make("summary", { cls: "film-button", "aria-label": says, title: says }, sign(show)),
    make("div", { cls: "film-choices" }, ...choices));
  const close = () => {
    node.open = false;
  };
  node.addEventListener("click", (/** @type {Event} */ event) => event.target instanceof Element && event.target.closest(".film-choice") && close());
  node.addEventListener("focusout", (/** @type {FocusEvent} */ event) => event.relatedTarget instanceof Node && !node.contains(event.relatedTarget) && close());
  node.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !node.open) return;
    close();
    node.querySelector("summary")?.focus();
    event.stopPropagation();
    event.preventDefault();
  });
  return node;
}

/** Windows to choose from: the usual ones, and those of the film's own file once they have come. @param {Film} film */
function presets(film) {
  const choose = () => (node.value.startsWith(LOOK) ? film.showLook(Number(node.value.slice(LOOK.length))) : film.preset(node.value));
  const node = make("select", { cls: "film-preset", "aria-label": "Window preset", title: "Window preset (1 to 5), and the windows and tables of the file", onchange: choose },
    ...PRESETS.map((name) => make("option", { value: name, text: name[0].toUpperCase() + name.slice(1) })),
    make("option", { value: "own", text: "By hand", disabled: "", hidden: "" }));
  film.on("looks", () => {
    const { greys } = film;
    if (!greys || greys.looks.length < 2) return;
    // The first is what "Default" shows as well.
    node.append(make("optgroup", { label: "Of the file" }, ...greys.looks.map((_, number) => make("option", { value: `${LOOK}${number}`, text: greys.named(number) }))));
  });
  return node;
}

/** The toolbar and what brings it up to date. @param {Film} film */
export function toolbar(film) {
  const button = (/** @type {string} */ show, /** @type {string} */ says, /** @type {string} */ keyed, /** @type {() => void} */ act) => make("button", {
    type: "button", cls: "film-button", "aria-label": says, title: keyOf(keyed) ? `${says} (${keyOf(keyed)})` : says,
    onclick: act,
  }, SIGNS[show] ? sign(show) : make("span", { text: show, "aria-hidden": "true" }));
  const tools = /** @type {Record<string, HTMLButtonElement>} */ ({
    window: button("window", "Window", "Drag changes the window", () => film.hand.take("window")),
    pan: button("pan", "Move", "Drag moves the film", () => film.hand.take("pan")),
    length: button("measure", "Measure a length", MARKING[0].says, () => film.take("length")),
  });
  const more = menu("mark", "More to measure and mark", MARKING.slice(1).map(({ kind, key, name, says }) => make("button", {
    type: "button", cls: "film-choice", title: says, "data-tool": kind, onclick: () => film.take(kind),
  }, make("span", { text: name }), make("kbd", { text: key.toUpperCase() }))));
  const preset = presets(film);
  const invert = button("invert", "Invert", "Invert black and white", () => film.invert());
  const magnifier = button("magnify", "Magnifier", "Magnifier", () => film.magnifier.toggle());
  const boxes = button("boxes", "Boxes", "Show or hide all boxes and marks", () => film.showBoxes());
  const flip = button("flip", "Mirror", "Mirror it for display; R and L move along", () => film.flip());
  const node = make("div", { cls: "film-tools", role: "group", "aria-label": "Film" },
    ...Object.values(tools), more, preset, invert,
    button("minus", "Zoom out", "Zoom out", () => film.zoomBy(0.8)), button("plus", "Zoom in", "Zoom in", () => film.zoomBy(1.25)),
    button("fit", "Fit", "Fit the whole film", () => film.fit()),
    button("1:1", "Actual pixels", "1:1, a film pixel for each screen pixel", () => film.actual()),
    button("rotate", "Rotate", "Rotate a quarter to the right", () => film.turn(1)), flip, magnifier, boxes,
    button("reset", "Reset all", "Reset all: window, zoom, place, turn, mirror", () => film.reset()),
    film.options.looks ? button("heat", "Where the model looks", "Where the model looks: the heat map of the phrase", () => film.emit("heat")) : null,
    button("full", "Full screen", "Full screen", () => film.fullScreen()), button("?", "Keys", "This list", () => film.help()));

  const update = () => {
    more.classList.toggle("on", film.hand.marking && film.hand.name !== "length");
    for (const [name, tool] of Object.entries(tools)) tool.setAttribute("aria-pressed", String(film.hand.name === name));
    invert.setAttribute("aria-pressed", String(film.window.invert));
    flip.setAttribute("aria-pressed", String(Boolean(film.view.flipped)));
    magnifier.setAttribute("aria-pressed", String(film.magnifier.on));
    boxes.setAttribute("aria-pressed", String(film.boxes.shown));
    preset.value = film.presetName === "default" && film.facing ? `${LOOK}${film.facing}` : film.presetName ?? "own";
  };
  return { node, update };
}
