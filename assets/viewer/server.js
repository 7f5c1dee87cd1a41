// @ts-check
/**
 * Questions to the server (lofi/ui/questions.py) and films sent to it (lofi/ui/upload.py).
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

const AWAY = "The server does not answer. Is LoFi still running? Then try again.";

/** @param {any} answer @returns {any} */
function checked(answer) {
  if (!answer || typeof answer !== "object") throw new Fault(AWAY);
  if (answer.error) throw new Fault(String(answer.error), Boolean(answer.gone));
  return answer;
}

/**
 * Ask by Gradio's server functions.
 * @param {any} server @returns {(question: string, values?: object) => Promise<any>}
 */
export function asker(server) {
  return async (question, values = {}) => {
    let answer;
    try {
      answer = await server[question](values);
    } catch {
      throw new Fault(AWAY);
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
