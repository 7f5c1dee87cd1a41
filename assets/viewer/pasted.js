// @ts-check
/**
 * A pasted report, in view beside its findings: each sentence with what became of it.
 */
import { button, make, renew } from "./dom.js";

/** @typedef {{sentence: string, mark: "looked for"|"unsure"|"denied"|"not used", phrases: string[]}} Part */

const MEANINGS = {
  "looked for": "It states a finding, which is looked for on the film.",
  unsure: "It states a finding with doubt, which is looked for on the film.",
  denied: "It says what is not there, or that all is as it should be: nothing is looked for.",
  "not used": "It names no finding that could be looked for.",
};

/** @param {Part} part */
const line = ({ sentence, mark, phrases }) => make("li", { cls: `part ${mark.replace(" ", "-")}`, title: MEANINGS[mark] },
  make("span", { cls: "mark-of", text: mark }),
  make("span", { text: sentence }),
  phrases.length > 0 && make("span", { cls: "quiet", text: ` → ${phrases.join(", ")}` }));

/** @param {import("./workbench.js").Workbench} bench */
export function mountPasted(bench) {
  const node = make("section", { cls: "pasted", "aria-label": "The pasted report, sentence by sentence" });
  return { node, show: () => {
    const reading = bench.current;
    node.hidden = !reading?.pasted;
    renew(node, reading?.pasted, () => (reading?.pasted ? [
      make("div", { cls: "line-of" }, make("h2", { text: "The pasted report" }), button("Put away", () => {
        reading.pasted = null;
        bench.changed();
      }, { key: "put-away", cls: "plain" })),
      make("ul", {}, ...reading.pasted.map(line))] : []));
  } };
}
