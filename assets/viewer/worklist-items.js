// @ts-check
/**
 * The films of the worklist: how each stands, what failed and why, their order, and what belongs to one patient.
 */
import { address, button, make, renew } from "./dom.js";
import { faults, stateShare, stateWords, work } from "./progress.js";
import { relation } from "./same-patient.js";

/** @typedef {import("./workbench.js").Workbench} Workbench */
/** @typedef {import("./reading.js").Reading} Reading */

/** Screen pixels from an edge of the list at which it scrolls while a film is dragged. */
const EDGE = 24;

/** @param {Workbench} bench @param {Reading} reading */
function about(bench, reading) {
  const current = bench.current === reading;
  const source = reading.film ? address("film", { sha256: reading.film.sha256 }) : reading.study ? address("thumbnail", { study_id: reading.study }) : "";
  const bar = make("span", { cls: "progress" });
  bar.style.setProperty("--share", String(stateShare(reading)));
  return make("button", { type: "button", cls: `item ${reading.state}`, "aria-current": current ? "true" : null, tabindex: current ? "0" : "-1", "data-key": `item ${reading.key}`, onclick: () => bench.show(reading) },
    source ? make("img", { src: source, alt: "", width: 40, height: 40, draggable: "false" }) : make("span", { cls: "no-thumbnail" }),
    make("span", { cls: "about" },
      make("span", { cls: "names" }, make("span", { cls: "who", text: reading.name }), reading.label && make("span", { cls: "label-of", text: reading.label, title: reading.label })),
      make("span", { cls: "state", text: stateWords(reading) }), bar));
}

export class Items {
  /** @param {Workbench} bench */
  constructor(bench) {
    this.bench = bench;
    /** @type {Reading|null} the film whose removal is asked about */ this.leaving = null;
    /** @type {Reading|null} the film being dragged */ this.held = null;
    this.list = make("ul", { cls: "items" });
    this.told = make("p", { cls: "hidden-label", role: "status" });
    this.list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.key(event));
    this.list.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.take(event));
    this.list.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) this.list.addEventListener(end, () => this.letGo());
    this.node = make("nav", { cls: "worklist", "aria-label": "Worklist" }, make("h2", { text: "Worklist" }), this.list, this.told);
  }

  // Order

  /** @param {PointerEvent} event */
  take(event) {
    const grip = event.target instanceof Element ? event.target.closest(".grip") : null;
    if (event.button || !(grip instanceof HTMLElement)) return;
    this.held = this.bench.worklist.find(({ key }) => String(key) === grip.dataset.of) ?? null;
    this.list.setPointerCapture(event.pointerId); // the rows are made anew as they move
    this.bench.changed();
  }

  /** @param {PointerEvent} event */
  drag({ clientY }) {
    const { held, list } = this;
    if (!held) return;
    const { top, bottom } = list.getBoundingClientRect();
    if (clientY < top + EDGE) list.scrollTop -= EDGE / 2;
    if (clientY > bottom - EDGE) list.scrollTop += EDGE / 2;
    const own = this.bench.worklist.indexOf(held);
    const above = [...list.children].filter((row, index) => {
      const box = row.getBoundingClientRect();
      return index !== own && (box.top + box.bottom) / 2 < clientY;
    });
    this.bench.place(held, above.length);
  }

  letGo() {
    if (!this.held) return;
    this.tellPlace(this.held);
    this.held = null;
    this.bench.changed();
  }

  /** @param {Reading} reading @param {number} step */
  move(reading, step) {
    this.bench.place(reading, Math.max(0, this.bench.worklist.indexOf(reading) + step));
    this.tellPlace(reading);
  }

  /** @param {Reading} reading */
  tellPlace(reading) {
    this.told.textContent = `${reading.name} is now ${this.bench.worklist.indexOf(reading) + 1} of ${this.bench.worklist.length}.`;
  }

  /** Arrows walk through the films; with Alt, or on a film's handle, they move it. @param {KeyboardEvent} event */
  key(event) {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const { target } = event;
    if (!step || !(target instanceof HTMLElement) || !target.matches(".item, .grip")) return;
    if (event.altKey && !["ArrowUp", "ArrowDown"].includes(event.key)) return; // the browser's way back
    event.preventDefault();
    const { bench } = this;
    const moved = target.matches(".grip") ? bench.worklist.find(({ key }) => String(key) === target.dataset.of) : event.altKey ? bench.current : null;
    if (moved) this.move(moved, step);
    else bench.move(step);
    bench.drawNow();
    const next = moved ? document.activeElement : this.list.querySelector("[aria-current]");
    if (!(next instanceof HTMLElement)) return;
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  // Removal

  /** Remove a film; where work would go with it, ask first. @param {Reading} reading */
  remove(reading) {
    this.leaving = work(reading).length && this.leaving !== reading ? reading : null;
    if (!this.leaving) return this.bench.remove(reading);
    this.bench.drawNow();
    const keep = this.list.querySelector(".keep-it");
    if (keep instanceof HTMLElement) keep.focus();
  }

  // Drawing

  /** What stands under a film: a question, what failed, the same patient. @param {Reading} reading */
  under(reading) {
    const { bench } = this;
    if (this.leaving === reading) {
      return make("div", { cls: "under", role: "group", "aria-label": `Remove ${reading.name}?` }, make("p", { text: `Remove it with ${work(reading).join(", ")}?` }),
        button("Remove", () => this.remove(reading), { key: `really ${reading.key}` }),
        button("Keep", () => {
          this.leaving = null;
          bench.changed();
        }, { key: `item ${reading.key}`, cls: "keep-it" }));
    }
    const failed = faults(reading);
    const same = bench.current && bench.current !== reading && reading.film ? relation(bench.current, reading) : "";
    if (!failed.length && !same) return null;
    return make("div", { cls: "under" }, ...failed.map((text) => make("p", { cls: "fault", text })),
      failed.length > 0 && button("Try again", () => bench.retry(reading), { key: `again ${reading.key}`, "aria-label": `Try ${reading.name} again` }),
      same && make("p", { cls: "quiet", text: `${same[0].toUpperCase()}${same.slice(1)}` }),
      same && button("Compare", () => bench.putBeside(reading), { key: `beside ${reading.key}`, "aria-label": `Put ${reading.name} beside the film` }));
  }

  /** @param {Reading} reading */
  row(reading) {
    const { bench } = this;
    const name = reading.label || reading.name;
    return make("li", { cls: `${bench.current === reading ? "current" : ""}${this.held === reading ? " held" : ""}` },
      bench.worklist.length > 1 && button("⠿", () => {}, { cls: "grip", key: `grip ${reading.key}`, "data-of": reading.key, "aria-label": `Move ${name}`, title: "Drag it, or press the up and down keys, to change the order" }),
      about(bench, reading),
      button("×", () => this.remove(reading), { cls: "plain", key: `remove ${reading.key}`, "aria-label": `Remove ${reading.name}`, title: "Remove from the worklist" }),
      this.under(reading));
  }

  show() {
    const { bench } = this;
    this.node.hidden = !bench.worklist.length;
    const shown = bench.worklist.map((reading) => [
      reading.key, reading.state, stateWords(reading), stateShare(reading), reading.film?.sha256, reading === bench.current, reading === this.held,
      faults(reading), reading === this.leaving && work(reading), bench.current && relation(bench.current, reading)]);
    renew(this.list, shown, () => bench.worklist.map((reading) => this.row(reading)));
  }
}
