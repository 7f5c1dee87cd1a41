// @ts-check
/**
 * The similar studies: what they are searched by, the list or strip of them, its pages and its export.
 */
import { address, button, make, renew, toggle } from "./dom.js";
import { mountFilters } from "./filters.js";
import { closeness, facts, nearness } from "./lines.js";

/** @typedef {import("./workbench.js").Workbench} Workbench */
/** @typedef {import("./reading.js").Reading} Reading */

/** @param {any} hit */
function summary(hit) {
  const bar = make("span", { cls: "bar" });
  bar.style.setProperty("--share", String(Math.max(0, Math.min(1, hit.closer_than ?? hit.similarity))));
  return make("span", { cls: "summary" },
    make("span", { cls: "top" }, make("span", { cls: "rank", text: String(hit.rank) }), bar,
      make("span", { cls: "similarity", text: closeness(hit), title: `${nearness(hit)}; cosine ${hit.similarity.toFixed(3)}` })),
    make("span", { cls: "labels", text: hit.labels.join(", ") || "No labels" }),
    make("span", { cls: "text", text: hit.key_sentence || hit.report || "No report." }),
    make("span", { cls: "facts", text: facts(hit) }));
}

/** @param {Workbench} bench @param {Reading} reading @param {any} hit */
function card(bench, reading, hit) {
  const open = reading.compared?.study_id === hit.study_id;
  const thumbnail = make("img", { src: address("thumbnail", { study_id: hit.study_id }), alt: "", loading: "lazy", width: 84, height: 84 });
  thumbnail.addEventListener("error", () => thumbnail.replaceWith(make("span", { cls: "no-thumbnail", text: "no picture" })));
  const about = make("button", { cls: "hit", type: "button", "aria-pressed": String(open), "data-key": `hit ${hit.study_id}`, "data-study": hit.study_id,
    onclick: () => bench.compare(open ? null : hit) }, thumbnail, summary(hit));
  const { like, unlike } = reading.search;
  const said = reading.verdicts.get(`hit ${hit.study_id}`)?.decision;
  const turn = (/** @type {"like"|"unlike"} */ name) => () => bench.steer(hit.study_id, name);
  return make("li", { cls: `card${open ? " open" : ""}` }, about, make("span", { cls: "steer" },
    toggle("More like this", like.includes(hit.study_id), turn("like"), { key: `like ${hit.study_id}`, "aria-label": `More like study ${hit.rank}` }),
    toggle("Less like this", unlike.includes(hit.study_id), turn("unlike"), { key: `unlike ${hit.study_id}`, "aria-label": `Less like study ${hit.rank}` }),
    said && make("span", { cls: "quiet", text: said })));
}

/** How the hits are searched, where it is not by the film alone. @param {Workbench} bench @param {Reading} reading */
function terms(bench, reading) {
  const { box, like, unlike } = reading.search;
  const said = [box && "like the drawn box", like.length && `more like ${like.length}`, unlike.length && `less like ${unlike.length}`].filter(Boolean);
  if (!said.length) return [];
  return [make("span", { text: `Searched ${said.join(", ")}.` }), button("Undo", () => bench.refine({ box: null, like: [], unlike: [] }), { key: "undo-terms", cls: "plain" })];
}

/** @param {Workbench} bench */
function mountText(bench) {
  const text = make("input", { id: "search-text", type: "search", autocomplete: "off", placeholder: "left effusion", "aria-label": "Search the studies by text", maxlength: "2000" });
  const alone = make("input", { id: "search-alone", type: "checkbox", onchange: () => text.value.trim() && submit() });
  const submit = () => bench.searchText(text.value.trim(), alone.checked);
  const node = make("form", { cls: "search", role: "search", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    submit();
  } }, text, make("button", { type: "submit", cls: "action", text: "Search" }),
  make("label", { for: "search-alone" }, alone, make("span", { text: "by the text alone, without the film" })));
  text.addEventListener("search", () => !text.value && submit());
  return { node, show: () => {
    const search = bench.current?.search;
    if (search && document.activeElement !== text) text.value = search.text;
    if (search && document.activeElement !== alone) alone.checked = search.alone;
  } };
}

/** @param {Workbench} bench @param {Reading|null} reading @param {boolean} strip */
function list(bench, reading, strip) {
  if (!reading || reading.state === "failed") return [make("p", { cls: "quiet", text: "They appear here once a film is open. A text alone can be searched too." })];
  if (reading.searchError) return [make("p", { cls: "fault", role: "alert", text: reading.searchError })];
  if (!reading.hits) return Array.from({ length: 4 }, () => make("div", { cls: "ghost", "aria-hidden": "true" }));
  if (!reading.hits.length) return [make("p", { cls: "quiet", text: reading.search.offset ? "There are no more." : "No study passes the filter." })];
  return [make("ol", { cls: strip ? "strip" : "list", start: String(reading.search.offset + 1) }, ...reading.hits.map((hit) => card(bench, reading, hit)))];
}

/** What of the text was not searched for. @param {Reading} reading */
const notes = (reading) => (reading.search.text ? reading.notes.map((text) => make("p", { cls: "quiet", role: "status", text })) : []);

/** @param {Workbench} bench @param {Reading} reading */
function pages(bench, reading) {
  const { offset } = reading.search;
  const shown = reading.hits?.length || 0;
  return [
    button("‹ Earlier", () => bench.page(-1), { key: "earlier", disabled: !offset, "aria-label": "Earlier studies" }),
    make("span", { text: shown ? `${offset + 1}–${offset + shown}` : "" }),
    button("More ›", () => bench.page(1), { key: "later", disabled: !reading.more, "aria-label": "More studies" }),
    make("label", { cls: "of-list" }, make("span", { text: "List" }), make("select", { "data-key": "export-hits", "aria-label": "Export the list of studies", onchange: (/** @type {any} */ event) => {
      if (event.target.value) bench.export(event.target.value);
      event.target.value = "";
    } }, make("option", { value: "", text: "Export…" }), make("option", { value: "hits-csv", text: "as CSV" }), make("option", { value: "hits-json", text: "as JSON" })))];
}

/** @param {Workbench} bench */
export function mountHits(bench) {
  const text = mountText(bench);
  const filters = mountFilters(bench);
  const [head, said, results, foot] = ["head", "terms", "results", "pages"].map((cls) => make("div", { cls }));
  let strip = false;

  function show() {
    const reading = bench.current;
    text.show();
    filters.show();
    renew(head, [strip, reading?.searching], () => [make("h2", { text: "Similar studies" }),
      make("span", { cls: "quiet", role: "status", text: reading?.searching ? "Searching…" : "" }),
      toggle("Strip", strip, () => { strip = !strip; show(); }, { key: "strip", title: "Small pictures side by side, or a list" })]);
    renew(said, reading && [reading.key, reading.search, reading.notes], () => (reading ? [...terms(bench, reading), ...notes(reading)] : []));
    results.classList.toggle("stale", Boolean(reading?.searching && reading.hits));
    const shown = reading && [reading.key, reading.state, reading.hits, reading.searchError, reading.search, reading.compared?.study_id, strip, [...reading.verdicts]];
    renew(results, shown, () => list(bench, reading, strip));
    renew(foot, reading && [reading.key, reading.search.offset, reading.more, reading.hits?.length], () => (reading?.film && reading.hits ? pages(bench, reading) : []));
  }

  return { node: make("section", { cls: "hits", "aria-label": "Similar studies" }, head, text.node, filters.node, said, results, foot), show };
}

