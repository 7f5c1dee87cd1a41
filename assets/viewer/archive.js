// @ts-check
/**
 * The picture archive: a form that looks for studies, a study opened with its priors, and what is sent back. Names of
 * patients in the list come from the archive for whoever searches; the page keeps none.
 */
import { button, make, renew } from "./dom.js";
import { forThisWindow } from "./kept.js";
import { newReading } from "./reading.js";
import { words } from "./server.js";

/** @typedef {import("./workbench.js").Workbench} Workbench */
/** @typedef {{study: string, date: string, description: string, accession: string, modalities: string[], images: number|null, patient: string}} Line */

const LINK = "StudyInstanceUID";
const FIELDS = /** @type {[string, string, object][]} */ ([
  ["since", "From", { type: "date" }], ["until", "To", { type: "date" }],
  ["modality", "Modality", { placeholder: "CR, DX", maxlength: "16", size: "6" }],
  ["accession", "Accession number", { maxlength: "16" }], ["patient", "Patient's number", { maxlength: "64" }],
]);
const SENT = /** @type {[string, string][]} */ ([["sr", "Structured report"], ["gsps", "Presentation state (boxes over the film)"], ["sc", "Picture with the boxes"]]);

/** The study that a link asks for: of this address, or, where a login came between, the one it asked for before. */
export function linked() {
  const kept = forThisWindow.getItem(LINK) || "";
  forThisWindow.removeItem(LINK);
  return new URLSearchParams(window.location.search).get(LINK) || kept;
}

/** Put a study's films, and those of its priors, into the worklist. @param {Workbench} bench @param {string} study @param {string[]} phrases */
export async function openStudy(bench, study, phrases) {
  const known = bench.worklist.find((reading) => reading.archive?.study === study && reading.state !== "failed");
  if (known) return bench.show(known);
  try {
    const { films, told } = await bench.ask("archive_study", { study });
    bench.take(films.map((/** @type {any} */ film) => newReading(film.study === study ? film.name : `Prior ${film.name}`, { archive: film }, bench.where)), phrases);
    bench.told = told;
  } catch (fault) {
    bench.told = words(fault);
  }
  bench.changed();
}

/** @param {Line} line @param {() => void} open */
function found(line, open) {
  const about = [line.modalities.join(", "), line.description, line.accession && `no. ${line.accession}`].filter(Boolean).join(" · ");
  return make("li", {}, make("button", { type: "button", cls: "found", "data-key": `study ${line.study}`, onclick: open },
    make("span", { text: [line.date, line.patient].filter(Boolean).join(" · ") || "No date, no patient" }), make("span", { cls: "quiet", text: about })));
}

/** The form and what it found. @param {Workbench} bench @param {() => string[]} phrases those in the field, asked of new films as well */
export function mountArchive(bench, phrases) {
  /** @type {Line[]|null} */ let lines = null;
  let said = "";
  let began = false;
  const results = make("div", { cls: "archive-found" });
  const form = make("form", { cls: "archive-form", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    search();
  } }, ...FIELDS.map(([name, label, more]) => make("label", {}, make("span", { text: label }), make("input", { name, autocomplete: "off", ...more }))),
  make("button", { type: "submit", cls: "action", text: "Search the archive" }));
  const node = make("details", { cls: "archive", hidden: true }, make("summary", {}, make("h2", { text: "From the archive" })), form, results);

  async function search() {
    said = "Searching the archive…";
    lines = null;
    bench.changed();
    try {
      lines = (await bench.ask("archive_search", Object.fromEntries(new FormData(form)))).studies;
      said = lines?.length ? "" : "The archive has no such study.";
    } catch (fault) {
      said = words(fault);
    }
    bench.changed();
  }

  function show() {
    node.hidden = !bench.offer?.archive;
    if (bench.offer && !began) {
      began = true;
      const study = linked();
      if (study) openStudy(bench, study, phrases());
    }
    renew(results, [said, lines], () => [make("p", { cls: "quiet", role: "status", text: said }),
      lines?.length && make("ul", {}, ...lines.map((line) => found(line, () => openStudy(bench, line.study, phrases()))))]);
  }

  return { node, show };
}

/** What is filed beside a film of the archive, when the reader says so. @param {Workbench} bench */
export function mountSending(bench) {
  const boxes = SENT.map(([kind, name]) => {
    const input = make("input", { type: "checkbox", name: kind });
    return { kind, input, node: make("label", {}, input, make("span", { text: name })) };
  });
  const status = make("p", { role: "status", cls: "quiet" });
  const send = button("Send to the archive", () => go(), { cls: "action" });
  const node = make("fieldset", { cls: "sending" }, make("legend", { text: "To the archive, beside this film" }), ...boxes.map((box) => box.node), send, status);
  let of = -1;

  async function go() {
    const reading = bench.current;
    const kinds = boxes.filter((box) => box.input.checked).map((box) => box.kind);
    if (!reading?.film) return;
    if (!bench.initials) status.textContent = "First write your initials: what is filed is named.";
    else if (!kinds.length) status.textContent = "Choose what to send.";
    if (!bench.initials || !kinds.length) return;
    send.disabled = true;
    status.textContent = "Sending…";
    try {
      status.textContent = (await bench.askFilm(reading, "archive_send", { kinds, ...bench.exported(reading) })).told;
    } catch (fault) {
      status.textContent = words(fault);
    }
    send.disabled = false;
  }

  return { node, show: () => {
    const reading = bench.current;
    node.hidden = !bench.offer?.archive || !reading?.pass;
    if ((reading?.key ?? -1) === of) return;
    of = reading?.key ?? -1; // nothing is chosen for the next film
    status.textContent = "";
    for (const box of boxes) box.input.checked = false;
  } };
}
