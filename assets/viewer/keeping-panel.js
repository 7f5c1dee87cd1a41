// @ts-check
/**
 * The switch that keeps the worklist in this browser, and the question before a page with work on it is left.
 */
import { button, make, renew } from "./dom.js";
import { Keeping } from "./keeping.js";

/** @typedef {import("./workbench.js").Workbench} Workbench */

const WORTH = "Films are patient data: kept, they and your reviews lie unencrypted in this browser, for whoever uses it next, until you clear them.";

/** @param {Workbench} bench @param {HTMLElement} room */
export function mountKeeping(bench, room) {
  const keeping = new Keeping(bench, () => bench.changed());
  const node = make("div", { cls: "keeping" });
  let began = false;

  window.addEventListener("beforeunload", (event) => {
    if (room.isConnected && bench.worklist.some(({ file, findings, verdicts }) => file || findings.length || verdicts.size) && !keeping.whole) event.preventDefault();
  });

  function show() {
    if (!began && bench.offer) {
      began = true;
      keeping.begin();
    }
    keeping.touched();
    node.hidden = !bench.worklist.length && !keeping.holds;
    // Nobody has asked for it: in the frame of another site a browser often lets a page keep nothing.
    const refused = keeping.error && !keeping.on && !keeping.database;
    const state = keeping.on && !keeping.error ? (keeping.whole ? "All of it is kept." : "Keeping…") : "";
    renew(node, [keeping.on, keeping.holds, keeping.error, Boolean(keeping.database), state], () => [
      make("label", { cls: "line" }, make("input", { id: "keep", type: "checkbox", checked: keeping.on, disabled: !keeping.database, "data-key": "keep", "aria-describedby": "keep-worth",
        onchange: () => (keeping.on ? keeping.clear() : keeping.begun()) }), make("span", { text: "Keep the worklist in this browser" })),
      make("p", { cls: "quiet", id: "keep-worth", text: refused ? keeping.error : WORTH }),
      keeping.error && !refused && make("p", { cls: "fault", role: "alert", text: keeping.error }),
      make("p", { cls: "quiet", role: "status", text: state }),
      keeping.holds && button("Clear what is kept", () => keeping.clear(), { key: "clear-kept", cls: "action" })]);
  }

  return { node, show };
}
