// @ts-check
/**
 * The window: which of the film's values (0–1) are shown from black to white. Pure functions.
 *
 * @typedef {{level: number, width: number, invert: boolean}} Window level = middle of the shown values
 * @typedef {"default"|"lung"|"soft tissue"|"bone"|"inverted"} Preset
 */

/** Least width: two neighbouring values of a 16-bit film. */
export const NARROWEST = 1 / 65535;
const VALUES = 65536;
/** Values of the whole film, without windowing. @type {Window} */
export const WHOLE = { level: 0.5, width: 1, invert: false };

/**
 * Brightness of a radiograph has no absolute meaning, so a preset is a range of the film's own values: from one
 * percentile to another, with a margin in parts of the range between them.
 * @type {Record<string, [number, number, number]>}
 */
const RANGES = { lung: [0.02, 0.5, 0.1], "soft tissue": [0.25, 0.9, 0.05], bone: [0.45, 0.995, 0.02] };
/** In the order of their keys, 1 to 5. @type {Preset[]} */
export const PRESETS = ["default", "lung", "soft tissue", "bone", "inverted"];

/** How many pixels have each of the 65,536 values. @param {Uint16Array} values @returns {Uint32Array} */
export function countValues(values) {
  const counts = new Uint32Array(VALUES);
  const step = Math.max(1, Math.floor(values.length / 500_000)); // a sample tells percentiles well enough
  for (let at = 0; at < values.length; at += step) counts[values[at]] += 1;
  return counts;
}

/** Value below which `share` of the pixels lie; black and white edges of the film do not count. @param {Uint32Array} counts @param {number} share */
export function percentile(counts, share) {
  let total = 0;
  for (let value = 1; value < VALUES - 1; value += 1) total += counts[value];
  let below = 0;
  for (let value = 1; value < VALUES - 1; value += 1) {
    below += counts[value];
    if (below > share * total) return value / (VALUES - 1);
  }
  return share; // nothing between black and white
}

/** @param {Preset} preset @param {Uint32Array} counts @returns {Window} */
export function presetWindow(preset, counts) {
  if (preset === "default") return WHOLE;
  if (preset === "inverted") return { ...WHOLE, invert: true };
  const [from, to, margin] = RANGES[preset];
  const low = percentile(counts, from);
  const high = percentile(counts, to);
  return { level: (low + high) / 2, width: Math.max((high - low) * (1 + 2 * margin), 0.02), invert: false };
}

/** Right = wider, down = brighter, as is usual; a drag over the pane's width doubles the width some five times. @param {Window} window @param {number} dx @param {number} dy in parts of the pane @returns {Window} */
export function windowDragged({ level, width, invert }, dx, dy) {
  const wider = Math.min(Math.max(width * 2 ** (5 * dx), NARROWEST), 4);
  const moved = Math.min(Math.max(level - dy * Math.max(width, 0.01), -1), 2);
  return { level: moved, width: wider, invert };
}

/** Shown grey (0–255) of a value. @param {Window} window @param {number} value in 0–1 */
export function greyOf({ level, width, invert }, value) {
  const shown = Math.min(Math.max((value - level) / width + 0.5, 0), 1);
  return Math.round(255 * (invert ? 1 - shown : shown));
}

/** Grey of every value, opaque, as the four bytes of a canvas pixel. @param {Window} window @param {Uint32Array} table */
export function fillTable(window, table) {
  for (let value = 0; value < VALUES; value += 1) {
    table[value] = 0xff000000 | (greyOf(window, value / (VALUES - 1)) * 0x010101);
  }
}
