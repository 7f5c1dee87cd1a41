// @ts-check
/**
 * A similar study beside the film: its own frame and name, the same phrases looked for on it, and its report with the
 * sentence nearest to each phrase marked in that phrase's colour.
 */
import { fitButton, linkSwitch } from "./beside.js";
import { address, button, make, renew, toggle } from "./dom.js";
import { createFilm } from "./film.js";
import { boxSureness, facts, look, nearness, sample } from "./lines.js";

/** @typedef {import("./workbench.js").Workbench} Workbench */
/** @typedef {import("./reading.js").Reading} Reading */

/** The name of the box that was found with the drawn one. */
const LIKE = "like the drawn box";

/**
 * The boxes on the neighbour: those of the phrases, dotted those of its own record, and the one like the drawn box.
 * @param {Workbench} bench @param {Reading} reading @param {any} hit
 */
function neighbourFindings(bench, reading, hit) {
  const answers = reading.neighbours.get(hit.study_id)?.findings || {};
  const asked = reading.findings.filter((finding) => answers[finding.phrase]).map((finding) => {
    const answer = answers[finding.phrase];
    return {
      phrase: finding.phrase, boxes: answer.boxes, scores: boxSureness(answer), ...look(bench.offer, finding.number),
      hidden: bench.allHidden || reading.hidden.has(finding.phrase), selected: reading.selected === finding.phrase, dotted: false, guess: answer.guess,
    };
  });
  const own = hit.boxes.map((/** @type {any} */ box) => (
    { phrase: box.phrase, boxes: [box.box], scores: [], colour: "#ffffff", dash: "1 3", hidden: bench.allHidden, selected: false, dotted: true }));
  const region = hit.region
    ? [{ phrase: LIKE, boxes: [hit.region.box], scores: [], colour: "#ffffff", dash: "8 3", hidden: bench.allHidden, selected: false, dotted: false }]
    : [];
  return [...region, ...own, ...asked];
}

/** The report, sentence by sentence where it was split. @param {Workbench} bench @param {Reading} reading @param {any} hit */
function report(bench, reading, hit) {
  const answer = reading.neighbours.get(hit.study_id);
  if (!answer?.sentences?.length) return make("p", { cls: "report", text: hit.report || "No report." });
  return make("p", { cls: "report" }, ...answer.sentences.flatMap((/** @type {any} */ one) => {
    const phrases = reading.findings.filter((finding) => one.phrases.includes(finding.phrase));
    // A denial in the colour of what it denies would read as the finding itself.
    const denied = reading.findings.filter((finding) => one.denied?.includes(finding.phrase)).map((finding) => finding.phrase);
    if (!phrases.length) return [make("span", denied.length ? { cls: "denies", title: `Denies: ${denied.join(", ")}`, text: one.sentence } : { text: one.sentence })];
    const line = look(bench.offer, phrases[0].number);
    const mark = make("mark", { title: `Nearest to: ${phrases.map((finding) => finding.phrase).join(", ")}` },
      ...phrases.map((finding) => sample(look(bench.offer, finding.number))), make("span", { text: one.sentence }));
    mark.style.setProperty("--line", line.colour);
    return [mark];
  }));
}

/** What the phrases' search on the neighbour is at. @param {Reading} reading @param {any} hit */
function progress(reading, hit) {
  const answer = reading.neighbours.get(hit.study_id);
  if (answer?.error) return answer.error;
  const left = reading.findings.filter((finding) => finding.state !== "absent" && !finding.within && !answer?.findings[finding.phrase]).length;
  if (answer?.busy && left) return `Looking for ${left === 1 ? "1 phrase" : `${left} phrases`} on this study…`;
  const source = hit.boxes.length ? "Dotted boxes come from the study's own record." : "";
  return [facts(hit), source].filter(Boolean).join(" · ");
}

/** @param {Workbench} bench @param {Reading} reading @param {any} hit */
export function comparedPane(bench, reading, hit) {
  const name = hit.rank ? `Similar study ${hit.rank}` : "Example study";
  const about = `${nearness(hit)}${hit.simulated ? " · simulated" : ""} · ${hit.study_id}`;
  const pane = createFilm({
    preview: address("study", { study_id: hit.study_id }), pixels: address("study_pixels", { study_id: hit.study_id }),
    frame: "compared", name, title: about,
  });
  pane.on("select", (/** @type {string} */ phrase) => bench.select(phrase));
  const bar = make("div", { cls: "beside" });
  const text = make("div", { cls: "text-of", tabindex: "0", role: "region", "aria-label": `Report of ${name}` });
  const told = make("section", { cls: "told", "aria-label": `About ${name}` }, text, bar);
  const seat = make("section", { cls: "seat compared", "aria-label": name }, pane.node);

  let given = "";

  function show() {
    const findings = neighbourFindings(bench, reading, hit);
    const now = JSON.stringify(findings);
    if (now !== given) pane.setFindings(findings);
    given = now;
    const answer = reading.neighbours.get(hit.study_id);
    renew(text, [reading.findings.map((finding) => [finding.phrase, finding.number, finding.state]), answer], () => [
      report(bench, reading, hit), make("p", { cls: "note", role: "status", text: progress(reading, hit) })]);
    const said = reading.verdicts.get(`hit ${hit.study_id}`)?.decision || "";
    renew(bar, [said, Boolean(bench.initials), bench.linked], () => [
      linkSwitch(bench),
      make("span", { cls: "question", text: "Relevant?" }),
      toggle("Yes", said === "relevant", () => bench.judgeHit(hit, "relevant"), { key: "relevant", "aria-label": `${name} is relevant` }),
      toggle("No", said === "not relevant", () => bench.judgeHit(hit, "not relevant"), { key: "irrelevant", "aria-label": `${name} is not relevant` }),
      fitButton(bench),
      button("Close", () => bench.close(), { key: "close", cls: "close", "aria-label": `Close ${name}` })]);
  }

  return { pane, seat, told, show, key: `${reading.key} ${hit.study_id}` };
}
