// @ts-check
/**
 * The left side: where films are dropped, the worklist and the examples.
 */
import { mountArchive } from "./archive.js";
import { address, make, renew } from "./dom.js";
import { Items } from "./worklist-items.js";

/** @typedef {import("./workbench.js").Workbench} Workbench */

/** @param {(files: File[]) => void} opened @param {boolean} elsewhere the server is none of the reader's */
function dropZone(opened, elsewhere) {
  const input = make("input", { type: "file", id: "film-files", multiple: true, accept: ".png,.jpg,.jpeg,.webp,.dcm,.dicom,.dic,image/*,application/dicom,*/*",
    onchange: () => {
      opened([...input.files]);
      input.value = "";
    } });
  const zone = make("label", { cls: "drop", for: "film-files" }, input,
    make("span", { cls: "lead", text: "Drop chest films here" }), make("span", { cls: "quiet", text: "or choose files: PNG, JPEG, DICOM" }),
    elsewhere ? make("span", { cls: "quiet leaves", text: "Films leave your machine for this Space, which keeps none." }) : null);
  return zone;
}

/** Films may be dropped anywhere on the page. @param {HTMLElement} room @param {(files: File[]) => void} opened */
function dropAnywhere(room, opened) {
  const over = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
  window.addEventListener("dragover", (event) => {
    if (!over(event) || !room.isConnected) return;
    event.preventDefault();
    room.classList.add("dropping");
  });
  window.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) room.classList.remove("dropping");
  });
  window.addEventListener("drop", (event) => {
    room.classList.remove("dropping");
    if (!over(event) || !room.isConnected) return;
    event.preventDefault();
    opened([...(event.dataTransfer?.files || [])]);
  });
}

/** @param {Workbench} bench @param {() => string[]} phrases @returns {Node[]} */
function examples(bench, phrases) {
  const offer = bench.offer;
  if (!offer) return [make("p", { cls: bench.offerError ? "fault" : "quiet", role: bench.offerError ? "alert" : "status", text: bench.offerError || "Loading model and gallery…" })];
  const about = offer.simulated === offer.studies
    ? `All ${offer.studies} studies here are simulated, not patients. For real ones, build a gallery and start with LOFI_GALLERY=its folder (see README).`
    : `${offer.studies} studies are searched${offer.simulated ? `, ${offer.simulated} of them simulated` : ""}.${offer.examples_simulated ? " The examples are simulated." : ""}`;
  return [make("div", { cls: "examples" }, ...offer.examples.map((/** @type {any} */ study) => {
    const name = study.labels.join(", ") || "no finding";
    return make("button", { cls: "example", type: "button", title: `Open this example: ${name}${study.missed ? "; asked for it, the model does not find it here" : ""}`, onclick: () => bench.addExample(study.study_id, name, phrases()) },
      make("img", { src: address("thumbnail", { study_id: study.study_id }), alt: "", width: 84, height: 84 }), make("span", { text: name }),
      study.missed && make("span", { cls: "missed", text: "model misses it" }));
  })), make("p", { cls: "note gallery", text: about })];
}

/** @param {Workbench} bench @param {HTMLElement} room @param {() => string[]} phrases those in the field, asked of new films as well @param {boolean} elsewhere the server is none of the reader's */
export function mountDesk(bench, room, phrases, elsewhere) {
  const opened = (/** @type {File[]} */ files) => bench.addFiles(files, phrases());
  dropAnywhere(room, opened);
  const items = new Items(bench);
  const choices = make("div", {});
  const more = make("details", { cls: "examples-of", open: true }, make("summary", {}, make("h2", { text: "Examples" })), choices);
  const archive = mountArchive(bench, phrases);
  let began = false;

  function show() {
    items.show();
    archive.show();
    renew(choices, [bench.offer, bench.offerError], () => examples(bench, phrases));
    if (!began && bench.worklist.length) more.open = false; // once; whoever opens it again keeps it
    began = began || bench.worklist.length > 0;
  }

  return { nodes: [dropZone(opened, elsewhere), archive.node, items.node], examples: more, show };
}
