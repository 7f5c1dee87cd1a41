// @ts-check
/**
 * The report that the model drafts: named as a draft, each sentence shows its boxes on the film.
 */
import { button, make, renew } from "./dom.js";

/** @param {import("./workbench.js").Workbench} bench */
export function mountDraft(bench) {
  const node = make("div", { cls: "draft" });

  /** @param {import("./reading.js").Reading} reading */
  function sentences(reading) {
    if (reading.film.unfit) return [make("p", { cls: "flag", text: reading.film.unfit }), make("p", { cls: "quiet", text: "No report is drafted of such a film." })];
    if (reading.drafting === "busy") return [make("p", { cls: "quiet", role: "status", text: "The model is writing…" })];
    const ask = button(reading.draft ? "Draft again" : "Draft a report", () => bench.write(), { key: "write", cls: "action" });
    if (reading.drafting) return [make("p", { cls: "fault", role: "alert", text: reading.drafting }), ask];
    if (!reading.draft) return [make("p", { cls: "quiet", text: "The model can draft a report of this film. Check every sentence of it." }), ask];
    if (!reading.draft.length) return [make("p", { cls: "quiet", text: "The model has nothing to say of this film." }), ask];
    return [make("p", { cls: "flag", text: "Draft by the model, not read by anybody. Click a sentence to see its boxes." }),
      make("ol", { cls: "sentences" }, ...reading.draft.map((one, index) => make("li", {}, button(one.sentence, () => bench.pointOut(index), {
        key: `sentence ${index}`, cls: "sentence", "aria-pressed": String(bench.pointed === index),
        title: one.boxes.length ? "Show its boxes" : "The model gives no box for this sentence" }),
      one.boxes.length ? null : make("span", { cls: "quiet", text: " no box" })))),
      ask];
  }

  return { node, show: () => {
    const reading = bench.current;
    renew(node, reading && [reading.key, reading.draft, reading.drafting, bench.pointed, Boolean(reading.film)], () => (
      reading?.film ? sentences(reading) : [make("p", { cls: "quiet", text: "A draft can be asked for once a film is open." })]));
  } };
}
