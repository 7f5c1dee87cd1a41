// @ts-check
/**
 * How the page makes elements. Every string in the props comes from strangers: it reaches the page through textContent
 * and attributes that take no script, never as markup.
 */
const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with a class, text and children.
 * @param {string} tag
 * @param {{cls?: string, text?: string, [attribute: string]: any}} [options]
 * @param {...(Node|null|undefined)} children
 * @returns {any}
 */
export function make(tag, options = {}, ...children) {
  const { cls, text, ...attributes } = options;
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** @param {string} tag @param {Record<string, string|number>} attributes */
export function draw(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}

/** Address of a picture route, also behind a proxy's path. @param {string} route @param {Record<string, string>} query */
export function address(route, query) {
  const root = new URL(/** @type {any} */ (window).gradio_config?.root || "/", window.location.href);
  return `${root.pathname.replace(/\/$/, "")}/lofi/${route}?${new URLSearchParams(query)}`;
}

export const percent = (/** @type {number} */ value) => `${Math.round(100 * value)} %`;
