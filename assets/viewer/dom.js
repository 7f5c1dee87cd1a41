// @ts-check
/**
 * Elements of the page. Every string that the server sends comes from strangers: it reaches the page through
 * textContent and attributes that take no script, never as markup.
 */
import { afterPress } from "./pressed.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with a class, text and children.
 * @param {string} tag
 * @param {{cls?: string, text?: string, [attribute: string]: any}} [options]
 * @param {...(Node|null|undefined|false|"")} children
 * @returns {any}
 */
export function make(tag, options = {}, ...children) {
  const { cls, text, ...attributes } = options;
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, String(value));
  }
  node.append(.../** @type {Node[]} */ (children.filter(Boolean)));
  return node;
}

/** @param {string} tag @param {Record<string, string|number>} attributes */
export function draw(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

/**
 * A button. `key` names it, so that `renew` can give the focus back to its successor.
 * @param {string} text @param {() => void} onclick @param {{[attribute: string]: any}} [options]
 */
export function button(text, onclick, options = {}) {
  const { key, ...rest } = options;
  return make("button", { type: "button", text, onclick, "data-key": key, ...rest });
}

/** A button that is on or off. @param {string} text @param {boolean} on @param {() => void} onclick @param {any} [options] */
export const toggle = (text, on, onclick, options = {}) => button(text, onclick, { "aria-pressed": String(on), ...options });

/** Address of a route, also behind a proxy's path. @param {string} route @param {Record<string, string>} [query] */
export function address(route, query) {
  const root = new URL(document.documentElement.dataset.root || ".", window.location.href);
  return `${root.pathname.replace(/\/$/, "")}/lofi/${route}${query ? `?${new URLSearchParams(query)}` : ""}`;
}

export const percent = (/** @type {number} */ value) => `${Math.round(100 * value)} %`;

/** @type {WeakMap<Element, string>} */
const drawn = new WeakMap();

/**
 * Give a node new children, but only if what they show has changed; scroll and focus stay where they were.
 * @param {HTMLElement} node @param {any} shown JSON of all that the children depend on
 * @param {() => (Node|null|undefined|false|"")[]} children
 */
export function renew(node, shown, children) {
  const now = JSON.stringify(shown);
  afterPress(node, () => {
    if (drawn.get(node) === now) return;
    drawn.set(node, now);
    keepPlace(node, () => node.replaceChildren(.../** @type {Node[]} */ (children().filter(Boolean))));
  });
}

/** Replace a node's children; scroll stays, and the focus goes to the child of the same `data-key`. @param {HTMLElement} node @param {() => void} replace */
function keepPlace(node, replace) {
  const active = /** @type {HTMLElement|null} */ (document.activeElement);
  const key = active && node.contains(active) ? active.dataset.key : undefined;
  const top = node.scrollTop;
  replace();
  node.scrollTop = top;
  if (key === undefined) return;
  for (const next of node.querySelectorAll("[data-key]")) {
    if (next instanceof HTMLElement && next.dataset.key === key) return next.focus({ preventScroll: true });
  }
}

/** New children for a node, once none of them is pressed; who writes goes on writing. @param {HTMLElement} node @param {Node[]} children */
export function refill(node, children) {
  afterPress(node, () => {
    const field = document.activeElement instanceof HTMLTextAreaElement && node.contains(document.activeElement) ? document.activeElement : null;
    keepPlace(node, () => node.replaceChildren(...children));
    const again = node.querySelector("textarea");
    if (!field || !again) return;
    again.value = field.value;
    again.focus({ preventScroll: true });
    again.setSelectionRange(field.selectionStart, field.selectionEnd);
  });
}

/** Let the browser save bytes under a name. @param {string} name @param {Blob} blob */
export function save(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
