// @ts-check
/**
 * Draws the case on the screen from props (lofi/ui/case.py).
 */
import { address, draw, make, percent } from "./dom.js";
import { filmPane } from "./film.js";

/** A sample of a phrase's line, for its button. @param {any} finding */
function sample(finding) {
  const picture = draw("svg", { viewBox: "0 0 28 10", class: "sample", "aria-hidden": "true" });
  const line = draw("line", { x1: 1, y1: 5, x2: 27, y2: 5, "stroke-width": 3, "stroke-dasharray": finding.dash });
  line.style.stroke = finding.colour;
  picture.append(line);
  return picture;
}

/** What is known of a phrase, in words. @param {any} finding */
function verdict(finding) {
  if (finding.state === "looking") return "looking…";
  if (finding.state === "stopped") return "not answered";
  const sure = `confidence ${percent(finding.confidence)}`;
  return finding.found ? `found · ${sure}` : `not found · ${sure}`;
}

/** Age and the like of a study, only what is known. @param {any} hit */
function facts(hit) {
  const age = hit.age === null || hit.age === undefined ? "" : `${Math.round(hit.age)} y`;
  return [hit.view, hit.sex, age, hit.source].filter(Boolean).join(" · ");
}

/**
 * The viewer: film, phrases, hits and the hit that is compared.
 * @param {HTMLElement} element @param {any} props
 * @param {(event: string, data?: any) => void} _trigger
 * @param {(name: string, callback: () => void) => void} watch
 */
export function mountViewer(element, props, _trigger, watch) {
  const stage = make("div", { cls: "stage" });
  const findings = make("div", { cls: "findings", role: "group", "aria-label": "Phrases" });
  const hits = make("aside", { cls: "hits", "aria-label": "Similar studies" });
  const status = make("p", { cls: "status", role: "status" });
  element.replaceChildren(make("div", { cls: "viewer" }, make("main", { cls: "light" }, stage, findings, status), hits));

  const hidden = new Set();
  const drawn = { film: "", findings: "", hits: "" };
  let turn = -1;
  /** @type {any} */ let query = null;
  /** @type {any} */ let compared = null;

  const visible = () => (props.value.findings || []).filter((/** @type {any} */ f) => !hidden.has(f.phrase));

  function drawStage() {
    const film = props.value.film;
    if (!film) {
      stage.replaceChildren(
        make("div", { cls: "empty" },
          make("p", { cls: "lead", text: "Drop a chest film, or pick an example." }),
          make("p", { text: "Similar studies appear beside it. Write phrases to see where the model finds them." })),
      );
      return;
    }
    const { height, width } = film.size;
    const lateral = film.view === "LATERAL";
    query = filmPane({ source: address("film", { sha256: film.sha256 }), alt: "The film that was opened", ratio: width / height, sides: !lateral });
    const about = [film.view, film.kind, `${width} × ${height}`].filter(Boolean).join(" · ");
    const caption = make("figcaption", {},
      make("span", { cls: "who", text: film.title }), make("span", { cls: "about", text: about }));
    const flags = film.flags.map((/** @type {string} */ text) => make("p", { cls: "flag", text }));
    const note = lateral ? null : make("p", { cls: "note", text: "R and L mark the patient's sides if the film is stored as usual: the patient's right on the left." });
    const pane = make("figure", { cls: "pane query" }, caption, ...flags, query.node, note);
    stage.replaceChildren(pane);
    compared = null;
  }

  /** @param {any} hit */
  function compare(hit) {
    closeCompared(false);
    const boxes = hit.boxes.map((/** @type {any} */ b) => ({ phrase: b.phrase, boxes: [b.box], scores: [], colour: "#ffffff", dash: "1 3" }));
    const film = filmPane({ source: address("study", { study_id: hit.study_id }), alt: "The film of the similar study", sides: hit.view !== "LATERAL" });
    film.overlay(boxes);
    const close = make("button", { cls: "close", type: "button", text: "Close", onclick: () => closeCompared(true) });
    const caption = make("figcaption", {},
      make("span", { cls: "who", text: `Similar study ${hit.rank}` }),
      make("span", { cls: "about", text: `similarity ${hit.similarity.toFixed(3)}${hit.simulated ? " · simulated" : ""} · ${hit.study_id}` }), close);
    const source = boxes.length ? "Dotted boxes come from the study's own record." : "";
    const pane = make("figure", { cls: "pane compared" }, caption, film.node,
      make("div", { cls: "told" }, make("p", { cls: "report", text: hit.report || "No report." }),
        make("p", { cls: "note", text: [facts(hit), source].filter(Boolean).join(" · ") })));
    stage.append(pane);
    stage.classList.add("two");
    compared = { pane, id: hit.study_id };
    markHits();
    if (window.matchMedia("(max-width: 1099px)").matches) pane.scrollIntoView({ block: "start" });
  }

  /** @param {boolean} refocus */
  function closeCompared(refocus) {
    if (!compared) return;
    compared.pane.remove();
    stage.classList.remove("two");
    const id = compared.id;
    compared = null;
    markHits();
    if (refocus) for (const card of hits.querySelectorAll(".hit")) if (card.dataset.study === id) card.focus();
  }

  function markHits() {
    for (const card of hits.querySelectorAll(".hit")) {
      card.setAttribute("aria-pressed", String(Boolean(compared) && card.dataset.study === compared.id));
    }
  }

  function drawFindings() {
    findings.replaceChildren(...(props.value.findings || []).map((/** @type {any} */ finding) => {
      const shown = !hidden.has(finding.phrase);
      const absent = finding.state === "known" && !finding.found;
      return make("button", {
        cls: `finding${absent ? " absent" : ""}`, type: "button", "aria-pressed": String(shown), title: "Show or hide its boxes",
        onclick: () => {
          if (!hidden.delete(finding.phrase)) hidden.add(finding.phrase);
          drawFindings();
        },
      }, sample(finding), make("span", { cls: "phrase", text: finding.phrase }), make("span", { cls: "verdict", text: verdict(finding) }));
    }));
    query?.overlay(visible());
  }

  /** @param {any} hit */
  function card(hit) {
    const thumbnail = make("img", { src: address("thumbnail", { study_id: hit.study_id }), alt: "", loading: "lazy", width: 84, height: 84 });
    thumbnail.addEventListener("error", () => thumbnail.replaceWith(make("span", { cls: "no-thumbnail", text: "no picture" })));
    const bar = make("span", { cls: "bar" });
    bar.style.setProperty("--share", String(Math.max(0, Math.min(1, hit.similarity))));
    const button = make("button", { cls: "hit", type: "button", "aria-pressed": "false", onclick: () => (compared?.id === hit.study_id ? closeCompared(false) : compare(hit)) },
      thumbnail,
      make("span", { cls: "summary" },
        make("span", { cls: "top" }, make("span", { cls: "rank", text: String(hit.rank) }), bar,
          make("span", { cls: "similarity", text: hit.similarity.toFixed(3), title: "Cosine similarity" })),
        make("span", { cls: "labels", text: hit.labels.join(", ") || "No labels" }),
        make("span", { cls: "text", text: hit.report || "No report." }),
        make("span", { cls: "facts", text: facts(hit) })));
    button.dataset.study = hit.study_id;
    return button;
  }

  function drawHits() {
    const { hits: found, film } = props.value;
    const head = make("h2", { text: "Similar studies" });
    if (!film) hits.replaceChildren(head, make("p", { cls: "quiet", text: "They appear here." }));
    else if (!found) hits.replaceChildren(head, make("p", { cls: "quiet", text: props.value.busy ? "Searching…" : "No answer." }));
    else if (!found.length) hits.replaceChildren(head, make("p", { cls: "quiet", text: "No study passes the filter." }));
    else hits.replaceChildren(head, make("div", { cls: "list" }, ...found.map(card)));
    closeCompared(false);
  }

  /** Draw a part again only if what it shows has changed. @param {"film"|"findings"|"hits"} part @param {any} value @param {() => void} again */
  function renew(part, value, again) {
    const now = JSON.stringify(value);
    if (drawn[part] !== now) {
      drawn[part] = now;
      again();
    }
  }

  function show() {
    const view = props.value;
    if (!view || view.turn < turn) return; // a late answer about an earlier film
    if (view.turn !== turn) hidden.clear();
    turn = view.turn;
    renew("film", [view.turn, view.film], drawStage);
    renew("hits", [view.turn, view.hits, view.hits ? null : view.busy], drawHits);
    renew("findings", [view.turn, view.findings], drawFindings);
    const waiting = (view.findings || []).filter((/** @type {any} */ f) => f.state === "looking").length;
    status.textContent = !view.busy ? "" : !view.hits ? "Looking for similar studies…" : waiting ? `Looking for ${waiting === 1 ? "1 phrase" : `${waiting} phrases`}…` : "";
  }

  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeCompared(true);
  });
  watch("value", show);
  show();
}
