// @ts-check
/**
 * What the model knows: each concept that its checkpoint says it was taught, with how much of it, and what was measured.
 */
import { make, renew } from "./dom.js";

/** What stands behind "found", in words. @param {any} one */
function taught(one) {
  const films = `${one.films} films`;
  if (one.presence === "absence") return `${films}, none shown with its place`;
  return one.presence === "labels" ? `${films}, by their labels alone` : `${films}, ${one.boxes} boxes by ${one.presence === "machine" ? "a machine" : "readers"}`;
}

/** A figure with its interval and number of cases. @param {string} name @param {number[]} figure */
const figure = (name, [value, low, high, cases]) => `${name} ${value.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)}), n ${cases}`;

/** @param {any} one */
function item(one) {
  const figures = Object.entries(one.figures || {}).map(([name, values]) => figure(name, /** @type {number[]} */ (values)));
  return make("li", {}, make("span", { cls: "of", text: one.name }), make("span", { cls: "quiet", text: taught(one) }),
    figures.length > 0 && make("span", { cls: "quiet", text: `on validation films: ${figures.join("; ")}` }));
}

/** @param {any} offer */
function lists(offer) {
  const [learnt, rest] = [true, false].map((was) => offer.concepts.filter((/** @type {any} */ one) => (one.presence !== "absence") === was));
  return [
    make("p", { cls: "quiet", text: `${offer.model} was shown these with their place:` }), make("ul", {}, ...learnt.map(item)),
    rest.length > 0 && make("p", { cls: "quiet", text: "These it was never shown; they are looked for all the same, and never count as found. So is all that is not listed." }),
    make("ul", {}, ...rest.map(item))];
}

/** @param {import("./workbench.js").Workbench} bench */
export function mountKnowledge(bench) {
  const content = make("div", { tabindex: "0", role: "region", "aria-label": "What this model knows" });
  const node = make("details", { cls: "knowledge", id: "knowledge" }, make("summary", { text: "What this model knows" }), content);
  return { node, show: () => {
    node.hidden = !bench.offer;
    renew(content, bench.offer, () => (bench.offer?.concepts ? lists(bench.offer) : [make("p", { cls: "quiet", text: "Its checkpoint does not say what it was taught." })]));
  } };
}
