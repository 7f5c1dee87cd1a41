// @ts-check
/**
 * The first and the last screen of a reader study.
 */
import { make } from "./dom.js";
import { Fault } from "./study-reading.js";

/**
 * Initials, and what is asked of the reader.
 * @param {{title: string, blind: boolean, practice: number, boxes_first: boolean}} card @param {(initials: string, takeOver: boolean) => Promise<void>} sit @param {string} sentence
 */
export function begin(card, sit, sentence) {
  const initials = make("input", { id: "initials", name: "initials", maxlength: "8", autocomplete: "off", required: "", size: "10", spellcheck: "false" });
  const message = make("p", { cls: "study-message", role: "alert", text: sentence });
  const start = make("button", { type: "submit", cls: "primary", text: "Begin or go on" });
  const takeOver = make("button", { type: "button", hidden: "", text: "That is me: go on here", onclick: () => go(true) });
  const go = async (/** @type {boolean} */ take) => {
    start.disabled = takeOver.disabled = true;
    message.textContent = "Opening the study…";
    try {
      await sit(initials.value.trim(), take);
    } catch (fault) {
      message.textContent = fault instanceof Fault ? fault.message : "Something went wrong: reload the page.";
      takeOver.hidden = !(fault instanceof Fault && fault.code === "taken");
    }
    start.disabled = takeOver.disabled = false;
  };
  const form = make("form", { cls: "study-screen", onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    go(false);
  } },
  make("h1", { text: card.title }),
  make("p", { text: "You see chest films one after another. For each phrase, judge the boxes that the model drew: accept or reject them, move them, draw them anew, add what is missing, or say that the finding is not present. Then say which similar studies are relevant." }),
  make("p", { cls: "quiet", text: `${card.blind ? "The model's confidence is hidden. " : ""}${card.practice ? `The first ${card.practice === 1 ? "case is" : `${card.practice} cases are`} for practice and not counted. ` : ""}Every judgement is stored at once; you can stop at any time and go on later. Your initials are stored with what you say, and nothing else about you.` }),
  make("label", { for: "initials" }, make("span", { text: "Your initials" }), initials),
  make("div", { cls: "acts" }, start, takeOver), message,
  make("p", { cls: "quiet", text: "Research use only. Not for diagnosis." }));
  setTimeout(() => initials.focus(), 0);
  return form;
}

/** @param {{title: string}} card @param {() => void} leave */
export function ending(card, leave) {
  return make("div", { cls: "study-screen" }, make("h1", { text: card.title }),
    make("p", { text: "All cases are read. Thank you. Everything is stored." }),
    make("button", { type: "button", cls: "primary", text: "Done", onclick: leave }));
}
