// @ts-check
/**
 * Questions to the server (lofi/ui/asking.py) and films sent to it (lofi/ui/sending.py).
 */
import { address } from "./dom.js";

/** A failure as one sentence for a person; `gone`: the server no longer holds the film, send it again. */
export class Fault extends Error {
  /** @param {string} sentence @param {boolean} [gone] */
  constructor(sentence, gone = false) {
    super(sentence);
    this.gone = gone;
  }
}

/** @param {unknown} fault */
export function words(fault) {
  return fault instanceof Fault ? fault.message : "Something in the page went wrong: reload it and try again.";
}

const AWAY = "The server does not answer. Is LoFi still running? Then try again.";

/** @param {any} answer @returns {any} */
function checked(answer) {
  if (!answer || typeof answer !== "object") throw new Fault(AWAY);
  if (answer.error) throw new Fault(String(answer.error), Boolean(answer.gone));
  return answer;
}

/** A word for this open page: the server takes readers in turn, and holds films for each. It says nothing of anybody. */
const DESK = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * The lines of an answer as they arrive.
 * @param {ReadableStream<Uint8Array>} body
 */
async function* lines(body) {
  const reader = body.pipeThrough(/** @type {any} */ (new TextDecoderStream())).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const parts = (rest + (value || "")).split("\n");
    rest = parts.pop() || "";
    for (const part of parts) if (part) yield JSON.parse(part);
    if (done) return;
  }
}

/**
 * Ask a question; while it waits for its turn, `waits` is told its place in the queue and about how many seconds, and
 * 0 when the turn has come.
 * @param {(place: number, seconds: number) => void} waits
 * @returns {(question: string, values?: object) => Promise<any>}
 */
export function asker(waits) {
  return async (question, values = {}) => {
    let answer = null;
    let waited = false;
    try {
      const headers = { "Content-Type": "application/json", "X-Lofi-Desk": DESK };
      const response = await fetch(address(`ask/${question}`), { method: "POST", headers, body: JSON.stringify(values) });
      for await (const line of lines(/** @type {any} */ (response.body))) {
        if ("waiting" in line) waits(line.waiting, line.seconds);
        else answer = line;
        waited ||= "waiting" in line;
      }
    } catch {
      throw new Fault(AWAY);
    } finally {
      if (waited) waits(0, 0);
    }
    return checked(answer);
  };
}

/**
 * Send a film's bytes. Not by Gradio's upload: that leaves the file on the disk until somebody reads it.
 * @param {File} file @param {(share: number) => void} progress 0–1 of the bytes sent
 * @returns {Promise<any>}
 */
export function sendFilm(file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address("open"));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-Lofi-Desk", DESK);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      try {
        resolve(checked(request.response));
      } catch (fault) {
        reject(fault);
      }
    });
    for (const end of ["error", "abort", "timeout"]) request.addEventListener(end, () => reject(new Fault(AWAY)));
    request.send(file);
  });
}
