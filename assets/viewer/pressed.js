// @ts-check
/**
 * What is pressed stays until it was clicked: a button that is replaced between press and release loses the click, and
 * pressing it may itself be the cause, by ending the change of a field.
 */
const PRESSABLE = "button, a, input, select, textarea, summary, label";

/** @type {Element|null} */ let pressed = null;
/** @type {Map<Node, () => void>} */ const waiting = new Map();

/** Do what replaces the children of a node: now, or, while one of them is pressed, after the click. @param {Node} node @param {() => void} work */
export function afterPress(node, work) {
  waiting.delete(node);
  if (pressed && node.contains(pressed)) waiting.set(node, work);
  else work();
}

/** @param {Event} event */
function press({ target }) {
  pressed = target instanceof Element ? target.closest(PRESSABLE) : null;
}

function release() {
  pressed = null;
  const works = [...waiting.values()];
  waiting.clear();
  for (const work of works) work();
}

// The click follows the release at once: a task later it has been heard.
const released = () => setTimeout(release, 0);

/** @param {(event: any) => void} heard */
const ofSpace = (heard) => (/** @type {KeyboardEvent} */ event) => event.key === " " && heard(event);

addEventListener("pointerdown", press, true);
// What a click itself draws need not wait for it: its handlers are found by now.
addEventListener("click", () => {
  pressed = null;
}, true);
for (const end of ["pointerup", "pointercancel", "blur"]) addEventListener(end, (event) => (event.target === window || end !== "blur") && released(), true);
addEventListener("keydown", ofSpace(press), true);
addEventListener("keyup", ofSpace(released), true);
