// @ts-check
/**
 * Sheets of which one is seen, under a row of tabs.
 */
import { button, make } from "./dom.js";

/**
 * @param {string} label of the row @param {[string, string, Node[]][]} sheets id, name, content
 * @param {(id: string) => void} turned called when another sheet is seen
 */
export function tabs(label, sheets, turned) {
  const list = make("div", { cls: "tabs", role: "tablist", "aria-label": label });
  const panels = sheets.map(([id, , content]) => make("div", { cls: "panel", id: `panel-${id}`, role: "tabpanel", "aria-labelledby": `tab-${id}` }, ...content));
  /** @param {number} chosen @param {boolean} [focus] */
  function choose(chosen, focus = false) {
    [...list.children].forEach((tab, index) => {
      tab.setAttribute("aria-selected", String(index === chosen));
      tab.tabIndex = index === chosen ? 0 : -1;
      panels[index].hidden = index !== chosen;
      if (focus && index === chosen) tab.focus();
    });
    turned(sheets[chosen][0]);
  }
  list.append(...sheets.map(([id, name], index) => button(name, () => choose(index), { role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}` })));
  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) choose(([...list.children].indexOf(/** @type {Element} */ (event.target)) + step + sheets.length) % sheets.length, true);
  });
  choose(0);
  return { list, panels, choose: (/** @type {string} */ id) => choose(sheets.findIndex(([one]) => one === id)) };
}
