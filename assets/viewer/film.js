// @ts-check
/**
 * A film in its frame: picture, boxes, names and side letters.
 */
import { draw, make, percent } from "./dom.js";

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
export function filmPane(film) {
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
