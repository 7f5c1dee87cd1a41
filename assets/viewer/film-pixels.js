// @ts-check
/**
 * A film's values in the browser: fetched at full depth (lofi/ui/packed.py), or read from the small picture that comes
 * first; then halved again and again, so that a film that is shown small is not sampled coarsely.
 *
 * @typedef {{width: number, height: number, values: Uint16Array}} Level row by row, 0–65535
 * @typedef {"file"|"usual"|""} Sides how it is known that the patient's left is on the right: the file says it, films
 *   usually are so, or not at all
 * @typedef {{greys: Greys, size: import("./film-geometry.js").Size, bits: number, spacingMm: [number, number]|null, sides: Sides}} Pixels
 *   `size` is the film's own, which a very large film's values do not reach
 */
import { Greys } from "./film-greys.js";

const SMALLEST = 64;

/** @param {string} url @param {AbortSignal} signal @returns {Promise<Pixels>} */
export async function fetchFull(url, signal) {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(`The film was answered with status ${answer.status}.`);
  const numbers = (/** @type {string} */ name) => (answer.headers.get(name) ?? "").split(",").filter(Boolean).map(Number);
  const [height, width] = numbers("X-Sent-Size");
  const [fullHeight, fullWidth] = numbers("X-Film-Size");
  const [bits] = numbers("X-Film-Bits");
  const spacing = numbers("X-Spacing-Mm");
  const sides = answer.headers.get("X-Film-Sides");
  const packed = new Uint8Array(await answer.arrayBuffer());
  const [said] = numbers("X-Film-Said");
  return {
    greys: unpack(packed.subarray(0, packed.length - said), width, height, JSON.parse(new TextDecoder().decode(packed.subarray(packed.length - said)))),
    size: { width: fullWidth, height: fullHeight },
    bits,
    spacingMm: spacing.length === 2 ? [spacing[0], spacing[1]] : null,
    sides: sides === "file" || sides === "usual" ? sides : "",
  };
}

/** The values, the curves behind them, and what is said of both. @param {Uint8Array} packed @param {number} width @param {number} height @param {import("./film-greys.js").Said} said */
function unpack(packed, width, height, said) {
  const count = width * height * (said.wide ? 2 : 1);
  const raster = packed.subarray(0, count);
  const plain = said.curve === 0;
  const values = said.wide ? unpack16(raster, width, height) : unpack8(raster, width, height, plain ? 257 : 1);
  const curves = plain ? null : unpack16(packed.subarray(count), said.curve, said.looks.length + (said.line ? 0 : 1));
  return new Greys({ width, height, values }, curves, said);
}

/** High bytes of all differences to the left neighbour, then low bytes. @param {Uint8Array} packed @param {number} width @param {number} height */
export function unpack16(packed, width, height) {
  const count = width * height;
  if (packed.length !== 2 * count) throw new Error("The film arrived incomplete.");
  const values = new Uint16Array(count);
  for (let start = 0; start < count; start += width) {
    let value = 0;
    for (let at = start; at < start + width; at += 1) {
      value = (value + (packed[at] << 8) + packed[count + at]) & 0xffff;
      values[at] = value;
    }
  }
  return values;
}

/** Differences of 8-bit values to the left neighbour. @param {Uint8Array} packed @param {number} width @param {number} height @param {number} step what 1 counts */
export function unpack8(packed, width, height, step) {
  const count = width * height;
  if (packed.length !== count) throw new Error("The film arrived incomplete.");
  const values = new Uint16Array(count);
  for (let start = 0; start < count; start += width) {
    let value = 0;
    for (let at = start; at < start + width; at += 1) {
      value = (value + packed[at]) & 0xff;
      values[at] = value * step;
    }
  }
  return values;
}

/** The small picture, 8 bits deep. @param {string} url @param {AbortSignal} signal @returns {Promise<Level[]>} */
export async function fetchPicture(url, signal) {
  const answer = await fetch(url, { signal });
  if (!answer.ok) throw new Error(`The picture was answered with status ${answer.status}.`);
  const picture = await createImageBitmap(await answer.blob());
  const { width, height } = picture;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.drawImage(picture, 0, 0);
  picture.close();
  const { data } = context.getImageData(0, 0, width, height);
  const values = new Uint16Array(width * height);
  for (let at = 0; at < values.length; at += 1) values[at] = data[4 * at] * 257;
  return halvings({ width, height, values });
}

/** The level and its halvings, down to a small one. @param {Level} level @returns {Level[]} */
export function halvings(level) {
  const levels = [level];
  for (let last = level; Math.min(last.width, last.height) >= 2 * SMALLEST; levels.push(last)) last = halved(last);
  return levels;
}

/** Mean of each four; an odd last row or column is left out, as mipmaps do. @param {Level} level @returns {Level} */
export function halved({ width, height, values }) {
  const [across, down] = [width >> 1, height >> 1];
  const small = new Uint16Array(across * down);
  for (let y = 0, to = 0; y < down; y += 1) {
    for (let from = 2 * y * width, x = 0; x < across; x += 1, from += 2, to += 1) {
      small[to] = (values[from] + values[from + 1] + values[from + width] + values[from + width + 1] + 2) >> 2;
    }
  }
  return { width: across, height: down, values: small };
}

/** The coarsest level that still has a pixel for each of the screen's. @param {Level[]} levels @param {number} filmWidth @param {number} scale device pixels for a film pixel */
export function levelFor(levels, filmWidth, scale) {
  const wanted = filmWidth * scale;
  let chosen = 0;
  while (chosen + 1 < levels.length && levels[chosen + 1].width >= wanted) chosen += 1;
  return chosen;
}
