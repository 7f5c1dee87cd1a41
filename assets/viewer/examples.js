// @ts-check
/**
 * The examples to begin with, and a line about the gallery that is searched.
 */
import { address, make } from "./dom.js";

/**
 * The examples and a line about the gallery.
 * @param {HTMLElement} element @param {any} props
 * @param {(event: string, data?: any) => void} trigger
 * @param {(name: string, callback: () => void) => void} watch
 */
export function mountExamples(element, props, trigger, watch) {
  function show() {
    const known = props.value;
    if (!known || !known.examples) {
      element.replaceChildren(make("p", { cls: "quiet", text: "Loading model and gallery…" }));
      return;
    }
    const simulated = known.simulated === known.studies;
    const about = simulated
      ? `All ${known.studies} studies here are simulated, not patients. For real ones, build a gallery and start with LOFI_GALLERY=its folder (see README).`
      : `${known.studies} studies are searched${known.simulated ? `, ${known.simulated} of them simulated` : ""}.${known.examples_simulated ? " The examples are simulated." : ""}`;
    const list = make("div", { cls: "examples" }, ...known.examples.map((/** @type {any} */ study) => {
      const name = study.labels.join(", ") || "no finding";
      return make("button", { cls: "example", type: "button", title: `Open this example: ${name}`, "aria-label": `Open the example: ${name}`, onclick: () => trigger("example", { study_id: study.study_id }) },
        make("img", { src: address("thumbnail", { study_id: study.study_id }), alt: "", width: 84, height: 84 }),
        make("span", { text: name }));
    }));
    element.replaceChildren(make("h2", { text: "Or an example" }), list, make("p", { cls: "note gallery", text: about }));
  }
  watch("value", show);
  show();
}
