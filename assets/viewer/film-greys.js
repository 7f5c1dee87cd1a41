// @ts-check
/**
 * What a film's values are in its file's own units, and the looks that the file offers: its windows and its tables by
 * name. Each look is a curve from the stored values to what is shown (lofi/film/greys.py), so that one window's black
 * and white hide nothing from another.
 *
 * @typedef {import("./film-pixels.js").Level} Level
 * @typedef {import("./film-window.js").Window} Window
 * @typedef {{name: string, ends: [number, number]|null}} Look `ends`: the values shown black and white, null where it is
 *   no window
 * @typedef {{wide: boolean, unit: string, line: [number, number]|null, looks: Look[], curve: number}} Said as the server
 *   says it; `curve` is how many values each curve has, 0 where the film's values are shown as they are
 */

const MOST = 65535;

export class Greys {
  /** @param {Level} stored @param {Uint16Array|null} curves one look's after the other's @param {Said} said */
  constructor(stored, curves, { unit, line, looks, curve }) {
    this.stored = stored;
    this.curves = curves;
    this.unit = unit;
    this.line = line;
    /** @type {Look[]} */ this.looks = looks;
    this.length = curve;
  }

  /** The film by one of its looks. @param {number} look @returns {Level} */
  shown(look) {
    const { width, height, values } = this.stored;
    if (!this.curves) return this.stored;
    const curve = this.curves.subarray(look * this.length, (look + 1) * this.length);
    const shown = new Uint16Array(values.length);
    for (let at = 0; at < values.length; at += 1) shown[at] = curve[values[at]];
    return { width, height, values: shown };
  }

  /** The value at a place of the film, in words; "" beside it. @param {number} x @param {number} y in 0–1 */
  at(x, y) {
    const { width, height, values } = this.stored;
    if (!(x >= 0 && x < 1 && y >= 0 && y < 1)) return "";
    const stored = values[Math.floor(y * height) * width + Math.floor(x * width)];
    const index = this.curves ? stored : stored / MOST;
    if (this.line) return this.told(this.line[0] + this.line[1] * index);
    return this.curves ? this.told(this.curves[this.looks.length * this.length + stored]) : `${Math.round(100 * index)} %`;
  }

  /** Whether the unit is a sign, as OD or HU, and not words, as "stored value". */
  get isSign() {
    return !this.unit.includes(" ");
  }

  /** A value with its unit. @param {number} value */
  told(value) {
    const said = figure(value, Math.abs(this.line?.[1] ?? 1) < 1 && Boolean(this.curves) ? 3 : 1);
    return this.isSign ? `${said} ${this.unit}` : `${this.unit} ${said}`;
  }

  /** A window in the film's own units, null where its look is none. @param {Window} window @param {number} look */
  inUnits({ level, width }, look) {
    const ends = this.looks[look]?.ends;
    if (!ends) return null;
    const [black, white] = ends;
    const places = Math.abs(white - black) < 20 ? 2 : 0;
    return `W ${figure(Math.abs(white - black) * width, places)} L ${figure(black + (white - black) * level, places)}${this.isSign ? ` ${this.unit}` : ""}`;
  }

  /** A look by its name, with its window where it is one. @param {number} look */
  named(look) {
    const { name, ends } = this.looks[look];
    return ends ? `${name} · ${this.inUnits({ level: 0.5, width: 1, invert: false }, look)}` : `${name} · table`;
  }
}

/** @param {number} value @param {number} places */
const figure = (value, places) => String(Number(value.toFixed(places)));
