// @ts-check
/**
 * The reading room: desk on the left, films in the middle with their findings below, similar studies on the right.
 */
import { mountBeside } from "./beside.js";
import { mountDesk } from "./desk.js";
import { address, button, make, renew, toggle } from "./dom.js";
import { mountDraft } from "./draft.js";
import { mountExports } from "./exports.js";
import { mountFindings } from "./findings.js";
import { mountHits } from "./hits.js";
import { mountPhrases } from "./phrases.js";
import { Workbench } from "./workbench.js";
import { mountReview } from "./review.js";
import { inLine } from "./lines.js";
import { listenInRoom } from "./room-keys.js";
import { asker } from "./server.js";
import { mountStage } from "./stage.js";
import { toneButton } from "./tone.js";

/** Do something once, when everything that changed now has changed. @param {() => void} work */
function soon(work) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      work();
    });
  };
}

/** Two sheets of which one is seen. @param {[string, string, Node[]][]} sheets id, name, content @param {() => void} turned */
function tabs(sheets, turned) {
  const list = make("div", { cls: "tabs", role: "tablist", "aria-label": "About the film" });
  const panels = sheets.map(([id, , content]) => make("div", { cls: "panel", id: `panel-${id}`, role: "tabpanel", "aria-labelledby": `tab-${id}` }, ...content));
  /** @param {number} chosen @param {boolean} focus */
  function choose(chosen, focus) {
    [...list.children].forEach((tab, index) => {
      tab.setAttribute("aria-selected", String(index === chosen));
      tab.tabIndex = index === chosen ? 0 : -1;
      panels[index].hidden = index !== chosen;
      if (focus && index === chosen) tab.focus();
    });
    turned();
  }
  list.append(...sheets.map(([id, name], index) => button(name, () => choose(index, false), { role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}` })));
  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) choose(([...list.children].indexOf(/** @type {Element} */ (event.target)) + step + sheets.length) % sheets.length, true);
  });
  choose(0, false);
  return { list, panels };
}

/**
 * Draw the room.
 * @param {HTMLElement} element @param {any} props `login`: somebody is logged in, and may log out; `elsewhere`: the server is a Space, for strangers
 */
export function mountRoom(element, props) {
  const busy = make("p", { cls: "quiet busy", role: "status" });
  const bench = new Workbench(asker((place, seconds) => {
    busy.textContent = inLine(place, seconds);
  }), soon(() => show()));
  const phrases = mountPhrases(bench);
  const desk = mountDesk(bench, element, phrases.read, Boolean(props?.elsewhere));
  const stage = mountStage(bench);
  const [findings, draft, hits, review] = [mountFindings(bench), mountDraft(bench), mountHits(bench), mountReview(bench)];
  const about = tabs([["findings", "Findings", findings.nodes], ["draft", "Report draft", [draft.node]]], () => bench.pointOut(-1));
  const told = make("div", { cls: "told-to-you", role: "alert" });
  const exports = mountExports(bench);
  const drawing = make("span", {});
  const beside = mountBeside(bench);
  const tools = make("div", { cls: "tools" }, drawing, beside.node, about.list, exports.node);
  element.replaceChildren(
    make("header", { cls: "lofi-head" }, make("h1", { text: "LoFi" }), make("p", { text: "Similar studies and boxes for a chest film" }),
      make("p", { cls: "lofi-research", text: "Research use only. Not for diagnosis." }),
      props?.login ? make("a", { href: address("../login"), text: "Log out" }) : null, toneButton()),
    make("div", { cls: "room" },
      make("div", { cls: "desk" }, ...desk.nodes, phrases.node, desk.examples),
      make("main", { cls: "light" }, told, busy, stage.seats, tools, stage.region, ...about.panels, review.node),
      hits.node));

  function show() {
    const reading = bench.current;
    renew(told, bench.told, () => (bench.told ? [make("p", { text: bench.told }), button("Dismiss", () => {
      bench.told = "";
      bench.changed();
    }, { cls: "plain" })] : []));
    for (const part of [desk, phrases, stage, beside, findings, draft, exports, hits, review]) part.show();
    renew(drawing, [Boolean(reading?.film), stage.drawing], () => [toggle(stage.drawing ? "Stop drawing" : "Draw a box", stage.drawing, () => {
      stage.draws(!stage.drawing);
    }, { key: "draw", id: "draw", cls: "action", disabled: !reading?.film, title: "Draw a box on the film, then ask about it" })]);
  }

  bench.drawNow = show;
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (stage.drawing) stage.draws(false);
    else if (bench.current?.compared || bench.partner) bench.close();
    bench.changed();
  });
  listenInRoom(bench, stage, element);
  show();
  bench.begin();
}
