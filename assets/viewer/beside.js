// @ts-check
/**
 * Another film of the worklist beside the one on the screen: the same phrases on both, and what differs.
 */
import { address, button, make, renew, toggle } from "./dom.js";
import { caveats, differences, findingOf } from "./difference.js";
import { createFilm } from "./film.js";
import { look, sample } from "./lines.js";
import { companions, relation } from "./same-patient.js";
import { drawnBoxes } from "./standing.js";

/** @typedef {import("./workbench.js").Workbench} Workbench */
/** @typedef {import("./reading.js").Reading} Reading */

/** A switch for films that move together. @param {Workbench} bench */
export const linkSwitch = (bench) => toggle("Linked", bench.linked, () => bench.link(!bench.linked), {
  key: "linked", title: "Window, zoom and place of both films change together" });

/** The film keeps its scale when another comes beside it: whole again when the reader says so. @param {Workbench} bench */
export const fitButton = (bench) => button("Fit both", () => bench.fitBoth(), { key: "fit-both", title: "Show both films whole" });

/** Boxes on the other film: of the phrases of this one, in their colours. @param {Workbench} bench @param {Reading} reading @param {Reading} other */
function otherFindings(bench, reading, other) {
  return reading.findings.flatMap((finding) => {
    const there = findingOf(other, finding.phrase);
    if (!there) return [];
    return [{
      phrase: finding.phrase, ...drawnBoxes(other, there), ...look(bench.offer, finding.number),
      hidden: bench.allHidden || reading.hidden.has(finding.phrase), selected: reading.selected === finding.phrase,
    }];
  });
}

/** @param {Workbench} bench @param {Reading} reading @param {Reading} other */
function lines(bench, reading, other) {
  if (!reading.findings.length) return [make("p", { cls: "quiet", text: "Write a phrase to find: it is looked for on both films." })];
  return differences(reading, other).map(({ finding, text }) => make("p", { cls: "difference" }, sample(look(bench.offer, finding.number)), make("span", { text })));
}

/** The pane of the other film and what is told below both; as comparedPane gives it. @param {Workbench} bench @param {Reading} reading @param {Reading} other */
export function besidePane(bench, reading, other) {
  const { film } = other;
  const { height, width } = film.size;
  const about = [relation(reading, other), film.view, other.label].filter(Boolean).join(" · ");
  const pane = createFilm({
    preview: address("film", { sha256: film.sha256 }), pixels: address("pixels", { sha256: film.sha256 }),
    ratio: width / height, sizeHw: [height, width], spacingMm: film.spacing_mm, spacingAt: film.spacing_at, sides: film.sides,
    frame: "compared", name: other.name, title: about, sheet: other.sheet,
  });
  pane.on("select", (/** @type {string} */ phrase) => bench.select(phrase));
  if (other.view) pane.restore(other.view);
  pane.tellFlags(film.flags);
  const text = make("div", { cls: "text-of differences", tabindex: "0", role: "region", "aria-label": `What differs from ${other.name}` });
  const bar = make("div", { cls: "beside" });
  let given = "";

  function show() {
    const findings = otherFindings(bench, reading, other);
    const now = JSON.stringify(findings);
    if (now !== given) pane.setFindings(findings);
    given = now;
    const shown = [reading, other].map(({ findings: asked, verdicts, film: { view, flags: told } }) => [asked, [...verdicts], view, told]);
    renew(text, shown, () => [...lines(bench, reading, other), make("p", { cls: "note", text: caveats(reading, other).join(" ") })]);
    renew(bar, bench.linked, () => [linkSwitch(bench), fitButton(bench),
      button("Close", () => bench.close(), { key: "close", cls: "close", "aria-label": `Close ${other.name}` })]);
  }

  return {
    pane, show, leave: () => { other.view = pane.state(); }, key: `${reading.key} film ${other.key} ${film.sha256}`,
    seat: make("section", { cls: "seat compared", "aria-label": other.name }, pane.node),
    told: make("section", { cls: "told", "aria-label": `Beside ${other.name}` }, text, bar),
  };
}

/** A choice of the film to put beside the one on the screen. @param {Workbench} bench */
export function mountBeside(bench) {
  const node = make("span", { cls: "beside-of" });

  function show() {
    const reading = bench.current;
    const others = reading?.film ? companions(bench.worklist, reading) : [];
    const offered = others.map((other) => [String(other.key), [other.name, relation(/** @type {Reading} */ (reading), other) || other.label].filter(Boolean).join(" · ")]);
    renew(node, [reading?.key, bench.partner?.key, offered], () => {
      if (!offered.length) return [];
      const choice = make("select", { id: "beside", "data-key": "beside", "aria-label": "Put another film beside this one", onchange: () => {
        const other = others.find((one) => one.key === Number(choice.value)) ?? null;
        if (other) bench.putBeside(other);
        else bench.close();
      } }, make("option", { value: "0", text: bench.partner ? "No film beside" : "Film beside…" }),
      ...offered.map(([key, text]) => make("option", { value: key, text })));
      choice.value = String(bench.partner?.key ?? 0);
      return [choice];
    });
  }

  return { node, show };
}
