// @ts-check
/**
 * The fields of the filter, which write the one line that lofi.gallery reads (view=PA age=40-60 label="No Finding").
 */
import { button, make, renew } from "./dom.js";

/** @typedef {{view: string, sex: string, from: string, to: string, label: string, source: string}} Fields */

/** A value as the filter's line wants it: quoted where it holds a space, a quotation mark or a backslash. @param {string} value */
export const quoted = (value) => (/[\s"'\\]/.test(value) ? `"${value.replace(/(["\\])/g, "\\$1")}"` : value);

/** @param {Fields} fields */
export function whereOf(fields) {
  const age = fields.from || fields.to ? `age=${fields.from}-${fields.to}` : "";
  const rest = ["view", "sex", "label", "source"].map((name) => {
    const value = /** @type {any} */ (fields)[name];
    return value ? `${name}=${quoted(value)}` : "";
  });
  return [...rest.slice(0, 2), age, ...rest.slice(2)].filter(Boolean).join(" ");
}

/** @param {string} name @param {string[]} values @param {() => void} changed */
function choice(name, values, changed) {
  const select = make("select", { id: `filter-${name}`, "data-key": `filter-${name}`, onchange: changed }, make("option", { value: "", text: "any" }),
    ...values.map((value) => make("option", { value, text: value })));
  return { select, node: make("div", { cls: "field" }, make("label", { for: `filter-${name}`, text: name }), select) };
}

/** @param {string} id @param {string} name @param {() => void} changed */
const year = (id, name, changed) => make("input", { id, type: "number", min: "0", max: "130", step: "1", inputmode: "numeric", "aria-label": name, "data-key": id, onchange: changed });

/** @param {import("./workbench.js").Workbench} bench */
export function mountFilters(bench) {
  const summary = make("summary", {});
  const holder = make("div", { cls: "fields" });
  const node = make("details", { cls: "filters" }, summary, holder);
  const line = make("input", { id: "where", type: "text", spellcheck: "false", autocomplete: "off", placeholder: "view=PA sex=F age=40-60", "data-key": "where",
    onchange: () => bench.refine({ where: line.value.trim() }) });
  /** @type {Record<string, any>} */ let fields = {};

  function apply() {
    const value = (/** @type {string} */ name) => fields[name].value.trim();
    line.value = whereOf({ view: value("view"), sex: value("sex"), from: value("from"), to: value("to"), label: value("label"), source: value("source") });
    bench.refine({ where: line.value });
  }

  function clear() {
    for (const field of Object.values(fields)) field.value = "";
    apply();
  }

  function build() {
    const offer = bench.offer || { views: [], labels: [], sources: [] };
    const [view, sex] = [choice("view", offer.views, apply), choice("sex", ["F", "M"], apply)];
    const [label, source] = [choice("label", offer.labels, apply), choice("source", offer.sources, apply)];
    const [from, to] = [year("filter-from", "Youngest age in years", apply), year("filter-to", "Oldest age in years", apply)];
    fields = { view: view.select, sex: sex.select, from, to, label: label.select, source: source.select };
    return [view.node, sex.node,
      make("div", { cls: "field", role: "group", "aria-label": "Age in years" }, make("span", { text: "age" }), from, make("span", { text: "to" }), to),
      label.node, source.node, button("Clear the filter", clear, { key: "clear-filter", cls: "plain clear" }),
      make("div", { cls: "field wide" }, make("label", { for: "where", text: "as text" }), line)];
  }

  function show() {
    renew(holder, [Boolean(bench.offer)], build);
    const where = bench.current ? bench.current.search.where : bench.where;
    if (document.activeElement !== line) line.value = where;
    renew(summary, where, () => [make("span", { text: where ? "Filtered: " : "Filter" }), where && make("code", { text: where })]);
  }

  return { node, show };
}
