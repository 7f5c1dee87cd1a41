// @ts-check
/**
 * The reading room: worklist on the left, films in the middle, all that is known of them on the right.
 */
import { mountBeside } from "./beside.js";
import { mountColumns } from "./columns.js";
import { mountDesk } from "./desk.js";
import { address, button, make, renew, toggle } from "./dom.js";
import { mountDraft } from "./draft.js";
import { mountExports } from "./exports.js";
import { mountFindings } from "./findings.js";
import { mountHits } from "./hits.js";
import { mountPhrases } from "./phrases.js";
import { Workbench } from "./workbench.js";
import { mountReview } from "./review.js";
import { mountKeeping } from "./keeping-panel.js";
import { inLine } from "./lines.js";
import { listenInRoom } from "./room-keys.js";
import { asker } from "./server.js";
import { mountStage } from "./stage.js";
import { tabs } from "./tabs.js";
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
  const keeping = mountKeeping(bench, element);
  const desk = mountDesk(bench, element, phrases.read, Boolean(props?.elsewhere));
  const stage = mountStage(bench);
  const [findings, draft, hits, review] = [mountFindings(bench), mountDraft(bench), mountHits(bench), mountReview(bench)];
  const columns = mountColumns(bench, element);
  const sheets = tabs("About the film", [
    ["findings", "Findings", findings.nodes], ["similar", "Similar studies", [hits.node]], ["report", "Report", [phrases.report, draft.node]],
  ], () => bench.pointOut(-1));
  sheets.choose("similar");
  phrases.asked(() => sheets.choose("findings"));
  const told = make("div", { cls: "told-to-you", role: "alert" });
  const exports = mountExports(bench);
  const drawing = make("span", {});
  const beside = mountBeside(bench);
  element.classList.add("lofi");
  element.replaceChildren(
    make("header", { cls: "lofi-head" }, columns.buttons.desk, make("h1", { text: "LoFi" }), make("p", { text: "Similar studies and boxes for a chest film" }),
      make("p", { cls: "lofi-research", text: "Research use only. Not for diagnosis." }),
      props?.login ? make("a", { href: address("../login"), text: "Log out" }) : null, toneButton(), columns.buttons.record),
    make("div", { cls: "room" },
      make("main", { cls: "light" }, told, stage.seats),
      make("div", { cls: "desk", id: "desk" }, ...desk.nodes, keeping.node, desk.examples),
      make("aside", { cls: "record", id: "record", "aria-label": "Findings and similar studies" }, phrases.node, busy,
        make("div", { cls: "tools" }, drawing, beside.node, exports.node), stage.region, sheets.list, ...sheets.panels, stage.beside, review.node)));

  /** The box that studies are searched by. @type {import("./reading.js").Box|null} */ let searched = null;

  function show() {
    const reading = bench.current;
    renew(told, bench.told, () => (bench.told ? [make("p", { text: bench.told }), button("Dismiss", () => {
      bench.told = "";
      bench.changed();
    }, { cls: "plain" })] : []));
    columns.show(Boolean(reading?.compared || bench.partner));
    if (reading?.search.box && reading.search.box !== searched) sheets.choose("similar");
    searched = reading?.search.box ?? null;
    for (const part of [desk, keeping, phrases, stage, beside, findings, draft, exports, hits, review]) part.show();
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
  listenInRoom(bench, stage, element, () => sheets.choose("findings"));
  show();
  bench.begin();
}
