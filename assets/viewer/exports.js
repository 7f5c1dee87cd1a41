// @ts-check
/**
 * What a case can be saved as.
 */
import { mountSending } from "./archive.js";
import { button, make, renew } from "./dom.js";

const KINDS = [["png", "Picture with boxes (PNG)"], ["json", "Everything (JSON)"], ["csv", "Table of boxes (CSV)"], ["sr", "DICOM structured report"], ["gsps", "DICOM presentation state"], ["sc", "DICOM picture (secondary capture)"]];

/** @param {import("./workbench.js").Workbench} bench */
export function mountExports(bench) {
  const identified = make("input", { type: "checkbox", id: "identified" });
  const patient = make("label", { for: "identified", cls: "quiet patient" }, identified, make("span", { text: "DICOM: under the patient of the file that was sent" }));
  const summary = make("summary", {});
  const sending = mountSending(bench);
  const node = make("details", { cls: "menu exports" }, summary, make("div", { cls: "sheet-of" },
    ...KINDS.map(([kind, name]) => button(name, () => {
      node.open = false;
      bench.export(kind, identified.checked && !patient.hidden && ["sr", "gsps", "sc"].includes(kind));
    }, { "data-kind": kind })),
    patient, make("p", { cls: "quiet", text: "Every file carries model, checkpoint, gallery and time, and says: research use only." }), sending.node));
  node.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !node.open) return;
    event.preventDefault();
    node.open = false;
    summary.focus();
  });
  document.addEventListener("pointerdown", (event) => {
    if (event.target instanceof Node && !node.contains(event.target)) node.open = false;
  });
  return { node, show: () => {
    sending.show();
    patient.hidden = !bench.current?.pass;
    node.hidden = !bench.current?.film;
    renew(summary, bench.exporting, () => [make("span", { text: bench.exporting ? "Exporting…" : "Export", role: "status" })]);
  } };
}
