// @ts-check
/**
 * Draws the case on the screen from props (lofi/ui/case.py). Every string in the props comes from strangers:
 * it reaches the page through textContent and attributes that take no script, never as markup.
 */
const lofi = (() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";

  /**
   * An element with a class, text and children.
   * @param {string} tag
   * @param {{cls?: string, text?: string, [attribute: string]: any}} [options]
   * @param {...(Node|null|undefined)} children
   * @returns {any}
   */
  function make(tag, options = {}, ...children) {
    const { cls, text, ...attributes } = options;
    const node = document.createElement(tag);
    if (cls) node.className = cls;
    if (text !== undefined) node.textContent = text;
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined) node.setAttribute(name, String(value));
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  /** @param {string} tag @param {Record<string, string|number>} attributes */
  function draw(tag, attributes) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
    return node;
  }

  /** Address of a picture route, also behind a proxy's path. @param {string} route @param {Record<string, string>} query */
  function address(route, query) {
    const root = new URL(/** @type {any} */ (window).gradio_config?.root || "/", window.location.href);
    return `${root.pathname.replace(/\/$/, "")}/lofi/${route}?${new URLSearchParams(query)}`;
  }

  const percent = (/** @type {number} */ value) => `${Math.round(100 * value)} %`;

  /** Lines for boxes: a dark halo below, so that they stand out on bright bone as well. @param {any[]} findings */
  function boxLayer(findings) {
    const layer = draw("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", class: "boxes", "aria-hidden": "true" });
    for (const finding of findings) {
      for (const [x0, y0, x1, y1] of finding.boxes) {
        const place = { x: x0, y: y0, width: x1 - x0, height: y1 - y0, "vector-effect": "non-scaling-stroke" };
        layer.append(draw("rect", { ...place, class: "halo" }));
        const line = draw("rect", { ...place, class: "line", "stroke-dasharray": finding.dash });
        line.style.stroke = finding.colour;
        layer.append(line);
      }
    }
    return layer;
  }

  /** Names of boxes, as text over the film that keeps its size. @param {any[]} findings */
  function boxNames(findings) {
    const layer = make("div", { cls: "names" });
    for (const finding of findings) {
      finding.boxes.forEach((/** @type {number[]} */ [x0, y0, x1], /** @type {number} */ index) => {
        const score = finding.scores[index];
        const text = score === undefined || finding.boxes.length === 1 ? finding.phrase : `${finding.phrase} ${percent(score)}`;
        const right = x0 > 0.6;
        const name = make("span", { cls: `name${y0 < 0.06 ? " below" : ""}`, text });
        name.style.top = `${100 * y0}%`;
        name.style[right ? "right" : "left"] = `${100 * (right ? 1 - x1 : x0)}%`;
        name.style.color = finding.colour;
        layer.append(name);
      });
    }
    return layer;
  }

  /**
   * A film in its frame with overlay and side letters.
   * @param {{source: string, alt: string, ratio?: number, sides: boolean}} film
   */
  function filmPane(film) {
    const image = make("img", { src: film.source, alt: film.alt, draggable: "false" });
    const overlay = make("div", { cls: "overlay" });
    const sheet = make("div", { cls: "sheet" }, image, overlay);
    const setRatio = (/** @type {number} */ ratio) => sheet.style.setProperty("--ratio", String(ratio));
    if (film.ratio) setRatio(film.ratio);
    else image.addEventListener("load", () => setRatio(image.naturalWidth / image.naturalHeight));
    image.addEventListener("error", () => sheet.replaceChildren(make("p", { cls: "missing", text: "No picture of this film is kept here." })));
    if (film.sides) {
      sheet.append(
        make("span", { cls: "side right", text: "R", title: "The patient's right" }),
        make("span", { cls: "side left", text: "L", title: "The patient's left" }),
      );
    }
    return {
      node: make("div", { cls: "fit" }, sheet),
      /** @param {any[]} findings */
      overlay: (findings) => overlay.replaceChildren(boxLayer(findings), boxNames(findings)),
    };
  }

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
  function mountViewer(element, props, _trigger, watch) {
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

  /**
   * The examples and a line about the gallery.
   * @param {HTMLElement} element @param {any} props
   * @param {(event: string, data?: any) => void} trigger
   * @param {(name: string, callback: () => void) => void} watch
   */
  function mountExamples(element, props, trigger, watch) {
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

  return { mountViewer, mountExamples };
})();
