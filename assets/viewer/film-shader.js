// @ts-check
/**
 * Paints a film with WebGL2: its values stay in a 16-bit texture, a shader turns, zooms and windows them. Integer
 * textures cannot be filtered by the hardware, so the shader mixes four neighbours of the fitting level itself.
 *
 * @typedef {import("./film-geometry.js").View} View
 * @typedef {import("./film-geometry.js").Size} Size
 * @typedef {import("./film-window.js").Window} Window
 * @typedef {import("./film-pixels.js").Level} Level
 * @typedef {{load: (levels: Level[]) => void, paint: (view: View, size: Size, window: Window) => void, destroy: () => void}} Painter
 *   `view` is in device pixels of the canvas
 */
import { levelFor } from "./film-pixels.js";
import { toFilm } from "./film-geometry.js";

const VERTEX = `#version 300 es
void main() { gl_Position = vec4(vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0), 0.0, 1.0); }`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
uniform highp usampler2D film;
uniform int level;
uniform vec2 origin, across, down; // film place (0-1) of the canvas's upper left corner, and a pixel's step
uniform float height, middle, width, flipped;
out vec4 colour;
float value(ivec2 at, ivec2 size) { return float(texelFetch(film, clamp(at, ivec2(0), size - 1), level).r) / 65535.0; }
void main() {
  vec2 pixel = vec2(gl_FragCoord.x, height - gl_FragCoord.y);
  vec2 place = origin + pixel.x * across + pixel.y * down;
  if (any(lessThan(place, vec2(0.0))) || any(greaterThan(place, vec2(1.0)))) { colour = vec4(0.0, 0.0, 0.0, 1.0); return; }
  ivec2 size = textureSize(film, level);
  vec2 at = place * vec2(size) - 0.5;
  ivec2 first = ivec2(floor(at));
  vec2 part = at - vec2(first);
  float upper = mix(value(first, size), value(first + ivec2(1, 0), size), part.x);
  float lower = mix(value(first + ivec2(0, 1), size), value(first + ivec2(1, 1), size), part.x);
  float shown = clamp((mix(upper, lower, part.y) - middle) / width + 0.5, 0.0, 1.0);
  colour = vec4(vec3(abs(flipped - shown)), 1.0);
}`;

/** A painter on the canvas, null where there is no WebGL2. @param {HTMLCanvasElement} canvas @returns {Painter|null} */
export function shaderPainter(canvas) {
  const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false, preserveDrawingBuffer: false });
  const program = gl && compiled(gl);
  if (!gl || !program) return null;
  const places = Object.fromEntries(
    ["level", "origin", "across", "down", "height", "middle", "width", "flipped"].map((name) => [name, gl.getUniformLocation(program, name)]),
  );
  /** @type {WebGLTexture|null} */ let texture = null;
  /** @type {Level[]} */ let held = [];

  return {
    load(levels) {
      const most = gl.getParameter(gl.MAX_TEXTURE_SIZE);
      held = levels.filter(({ width, height }) => Math.max(width, height) <= most);
      gl.deleteTexture(texture);
      texture = upload(gl, held);
    },
    paint(view, size, window) {
      const { width, height } = canvas;
      gl.viewport(0, 0, width, height);
      gl.useProgram(program);
      const at = (/** @type {number} */ x, /** @type {number} */ y) => {
        const [u, v] = toFilm(view, size, [x, y]);
        return [u / size.width, v / size.height];
      };
      const [origin, right, below] = [at(0, 0), at(1, 0), at(0, 1)];
      gl.uniform2f(places.origin, origin[0], origin[1]);
      gl.uniform2f(places.across, right[0] - origin[0], right[1] - origin[1]);
      gl.uniform2f(places.down, below[0] - origin[0], below[1] - origin[1]);
      gl.uniform1i(places.level, levelFor(held, size.width, view.scale));
      gl.uniform1f(places.height, height);
      gl.uniform1f(places.middle, window.level);
      gl.uniform1f(places.width, window.width);
      gl.uniform1f(places.flipped, window.invert ? 1 : 0);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    },
    destroy() {
      gl.deleteTexture(texture);
      gl.getExtension("WEBGL_lose_context")?.loseContext(); // a browser allows about sixteen at a time
    },
  };
}

/** @param {WebGL2RenderingContext} gl @returns {WebGLProgram|null} */
function compiled(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of /** @type {[number, string][]} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}

/** @param {WebGL2RenderingContext} gl @param {Level[]} levels */
function upload(gl, levels) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 2);
  levels.forEach(({ width, height, values }, number) => {
    gl.texImage2D(gl.TEXTURE_2D, number, gl.R16UI, width, height, 0, gl.RED_INTEGER, gl.UNSIGNED_SHORT, values);
  });
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST_MIPMAP_NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAX_LEVEL, levels.length - 1);
  return texture;
}
