// @ts-check
/**
 * The reader study's page: a reader signs in, judges case after case, and goes on after a reload where it stopped.
 *
 * @typedef {import("./study-panel.js").Act} Act
 * @typedef {import("./study-reading.js").Row} Row
 * @typedef {import("./study-reading.js").Sheet} Sheet
 */
import { make, refill } from "./dom.js";
import { forThisWindow } from "./kept.js";
import { StudyFilm } from "./study-film.js";
import { KEYS, panel } from "./study-panel.js";
import { Fault, post, Reading } from "./study-reading.js";
import { begin, ending } from "./study-screens.js";

const TOKEN = "lofi study";

class Study {
  /** @param {HTMLElement} node */
  constructor(node) {
    this.node = node;
    /** @type {any} */ this.card = null;
    this.token = "";
    /** @type {Reading|null} */ this.reading = null;
    this.film = new StudyFilm();
    this.film.on({ chose: (key) => this.choose(key), drew: (box) => this.drew(box), stopped: () => this.show() });
    /** What is being done on the film: "", "move KEY", "redraw KEY" or "add PHRASE". */ this.mode = "";
    this.message = make("p", { cls: "study-message", role: "status" });
    this.list = make("div", { cls: "study-list" });
    this.head = make("header", { cls: "study-head" });
    this.bar = make("nav", { cls: "study-bar", "aria-label": "Cases" });
    this.queue = Promise.resolve();
    document.addEventListener("keydown", (event) => this.key(event));
  }

  async start() {
    try {
      this.card = await post("card", {});
      this.token = forThisWindow.getItem(`${TOKEN} ${this.card.name}`) ?? "";
    } catch (fault) {
      this.node.replaceChildren(make("div", { cls: "study-screen" }, make("h1", { text: "LoFi reader study" }), make("p", { role: "alert", text: told(fault) }),
        make("button", { type: "button", cls: "primary", text: "Try again", onclick: () => this.start() })));
      return;
    }
    if (this.token) await this.open();
    else this.signIn();
  }

  /** @param {string} [sentence] */
  signIn(sentence = "") {
    this.film.clear();
    this.reading = null;
    const sit = async (/** @type {string} */ initials, /** @type {boolean} */ takeOver) => {
      this.token = (await post("begin", { initials, take_over: takeOver })).token;
      forThisWindow.setItem(`${TOKEN} ${this.card.name}`, this.token);
      await this.open();
    };
    this.node.replaceChildren(begin(this.card, sit, sentence));
  }

  /** Open a case: the first that is not done, or an earlier one. @param {number|null} [number] */
  async open(number = null) {
    this.say("Loading the case…");
    try {
      const answer = await post("sheet", { token: this.token, number });
      if (answer.finished) {
        this.film.clear();
        this.reading = null;
        this.node.replaceChildren(ending(this.card, () => this.pause()));
        return;
      }
      this.enter(answer);
    } catch (fault) {
      this.failed(fault);
    }
  }

  /** @param {Sheet} sheet */
  enter(sheet) {
    this.reading = new Reading(sheet);
    this.mode = "";
    for (const part of [this.list, this.bar]) part.replaceChildren(); // what is pressed was meant for the case before
    document.title = this.card.title;
    this.film.open(sheet, `Case ${sheet.number} of ${sheet.total}`);
    this.node.replaceChildren(this.head, make("div", { cls: "study-room" }, this.film.node,
      make("aside", { cls: "study-panel", "aria-label": "What to judge" }, this.list, this.message)), this.bar);
    this.say("");
    this.show();
    this.focusRow();
    scrollTo(0, 0);
  }

  /** Draw all anew from what is known. */
  show() {
    const { reading, mode } = this;
    if (!reading) return;
    const { sheet } = reading;
    const look = (/** @type {string} */ phrase) => {
      const at = Math.max(sheet.phrases.findIndex((asked) => asked.phrase === phrase), 0);
      return { colour: this.card.colours[at % this.card.colours.length], dash: this.card.dashes[at % this.card.dashes.length] };
    };
    if (!this.film.busy) this.mode = "";
    const parts = panel({
      reading, look, mode: this.mode, compared: this.film.compared,
      act: (act, row) => this.act(act, row), comment: (text) => this.comment(text),
    });
    const failed = sheet.failed ? [make("p", { role: "alert", text: `This film cannot be read, so there is nothing to judge. ${sheet.failed}` })] : [];
    refill(this.list, [...failed, ...parts]);
    this.film.show(reading, look);
    this.drawHead(sheet);
    this.drawBar(sheet, mode);
  }

  /** @param {Sheet} sheet */
  drawHead(sheet) {
    const bar = make("progress", { max: sheet.total, value: sheet.done, "aria-label": `${sheet.done} of ${sheet.total} cases done` });
    refill(this.head, [make("h1", { text: this.card.title }), make("p", { cls: "study-progress", text: `${sheet.number} of ${sheet.total}` }), bar,
      make("p", { cls: "quiet", text: `Reader ${sheet.reader}` }),
      make("button", { type: "button", "data-key": "pause", text: "Pause", title: "Stop here; go on later where you stopped", onclick: () => this.pause() }),
      make("p", { cls: "quiet research", text: "Research use only. Not for diagnosis." })]);
  }

  /** @param {Sheet} sheet @param {string} mode */
  drawBar(sheet, mode) {
    const left = this.reading?.left ?? 0;
    const drawing = mode.startsWith("move") ? "Drag the box or its corners; then judge on." : mode ? "Draw a box on the film. Escape stops." : "";
    refill(this.bar, [
      make("button", { type: "button", "data-key": "back", text: "Back", disabled: sheet.number > 1 ? null : "", onclick: () => this.later(() => this.open(sheet.number - 1)) }),
      make("span", { cls: "quiet", text: drawing || (left ? `${left} left to judge` : "All judged") }),
      make("button", { type: "button", "data-key": "next", cls: left ? "next" : "next primary", onclick: () => this.next() },
        make("span", { text: sheet.number === sheet.total && sheet.done >= sheet.total - 1 ? "Finish" : "Next case" }), make("kbd", { text: "C", "aria-hidden": "true" }))]);
  }

  /** @param {Act} act @param {Row} row */
  act(act, row) {
    const { reading } = this;
    if (!reading) return;
    if (act === "compare") return this.beside(row);
    reading.currentKey = row.key;
    if (act === "choose") return this.show();
    if (act.startsWith("rate ")) return this.judge({ kind: "certainty", phrase: row.phrase, number: Number(act.slice(5)), decision: "rated" });
    if (row.kind === "hit") {
      if (act === "accept" || act === "reject") this.judge({ kind: "hit", hit: row.hit, decision: act === "accept" ? "relevant" : "not relevant" });
      return;
    }
    const box = { kind: "box", phrase: row.phrase, number: row.number };
    if (act === "add") return this.handle(`add ${row.phrase}`);
    if (act === "absent") return this.judge({ kind: "phrase", phrase: row.phrase, decision: reading.isAbsent(row.phrase) ? "withdrawn" : "absent" });
    if (row.kind === "phrase") return act === "redraw" ? this.handle(`add ${row.phrase}`) : undefined;
    if (row.own) return act === "remove" || act === "reject" ? this.judge({ ...box, decision: "withdrawn" }) : undefined;
    if (act === "accept" || act === "reject") return this.judge({ ...box, decision: act === "accept" ? "accepted" : "rejected" });
    if (act === "move" || act === "redraw") this.handle(`${act} ${row.key}`);
  }

  /** Take a box in hand, or let it go. @param {string} mode */
  handle(mode) {
    const same = this.mode === mode;
    this.film.stop();
    this.mode = same ? "" : mode;
    if (this.reading && this.mode) this.film.start(this.mode.startsWith("move") ? "move" : "draw", this.reading.currentKey);
    this.show();
  }

  /** A box was drawn or moved. @param {import("./study-reading.js").Box} box */
  drew(box) {
    const { mode, reading } = this;
    const row = reading?.current;
    if (!reading || !row || !mode) return;
    if (mode.startsWith("add ")) {
      const phrase = mode.slice(4);
      this.film.stop();
      this.judge({ kind: "box", phrase, number: reading.nextNumber(phrase), decision: "added", box });
    } else {
      const decision = mode.startsWith("move") ? "moved" : "redrawn";
      if (decision === "redrawn") this.film.stop();
      this.judge({ kind: "box", phrase: row.phrase, number: row.number, decision, box }, decision === "redrawn");
    }
  }

  /** Store a verdict; then go to what is open. @param {object} mark @param {boolean} [advance] */
  judge(mark, advance = true) {
    const { reading } = this;
    this.later(async () => {
      if (!reading || reading !== this.reading) return; // said of a case that is no longer here
      reading.update((await post("mark", { token: this.token, film: reading.sheet.sha256, mark })).marks);
      this.say("");
      if (advance) {
        this.film.stop();
        reading.currentKey = reading.firstOpen()?.key ?? reading.current?.key ?? reading.rows()[0]?.key ?? "";
      }
      this.show();
      if (advance) this.focusRow();
    });
  }

  /** @param {string} text */
  comment(text) {
    if (text !== this.reading?.comment) this.judge({ kind: "comment", decision: text ? "commented" : "withdrawn", comment: text }, false);
  }

  next() {
    const { reading } = this;
    this.later(async () => {
      if (!reading || reading !== this.reading) return; // pressed twice
      await post("finish", { token: this.token, film: reading.sheet.sha256 });
      const { number, done, total } = reading.sheet;
      // From an earlier case on to the next one; from the newest to the first that is not done.
      await this.open(number <= done && number < total ? Math.min(number + 1, done + 1) : null);
    });
  }

  pause() {
    this.later(async () => {
      await post("leave", { token: this.token });
      forThisWindow.removeItem(`${TOKEN} ${this.card.name}`);
      this.signIn("You can close this page. Enter your initials to go on where you stopped.");
    });
  }

  /** Show a similar study beside the film, or close it. @param {Row} row */
  beside(row) {
    const hits = this.reading?.sheet.hits ?? [];
    const at = hits.findIndex((hit) => hit.study_id === row.hit);
    this.film.compare(this.film.compared === row.hit ? null : hits[at], at + 1, () => this.show());
    this.show();
  }

  /** @param {string} key */
  choose(key) {
    if (!this.reading || this.reading.currentKey === key) return;
    this.reading.currentKey = key;
    this.show();
    this.list.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }

  /** One thing after the other, each failure told. @param {() => Promise<void>} work */
  later(work) {
    this.queue = this.queue.then(work).catch((fault) => this.failed(fault));
  }

  /** @param {unknown} fault */
  failed(fault) {
    if (fault instanceof Fault && fault.code === "superseded") {
      forThisWindow.removeItem(`${TOKEN} ${this.card.name}`);
      this.signIn(fault.message);
    } else if (this.reading) this.say(told(fault));
    else this.signIn(told(fault));
  }

  /** @param {string} sentence */
  say(sentence) {
    this.message.textContent = sentence;
  }

  /** Keep the keyboard where the reader is. */
  focusRow() {
    const row = this.reading?.left ? this.list.querySelector('[aria-current="true"]') : this.bar.querySelector(".next");
    if (!(row instanceof HTMLElement)) return;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { reading } = this;
    const { target } = event;
    const inField = target instanceof HTMLElement && target.matches("input, textarea, select, dialog *");
    if (!reading || inField || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase();
    const row = reading.current;
    if (key === "c") this.next();
    else if (key === "escape" && this.mode) this.handle(this.mode);
    else if (key === "j" || key === "k") {
      this.film.stop();
      reading.move(key === "j" ? 1 : -1);
      this.show();
      this.focusRow();
    } else if (row?.kind === "certainty" && /^\d$/.test(key) && (Number(key) || 10) <= reading.sheet.steps) this.act(`rate ${Number(key) || 10}`, row);
    else if (KEYS[key] && row && (row.kind !== "certainty" || KEYS[key] === "add" || KEYS[key] === "absent")) this.act(KEYS[key], row);
    else return;
    event.preventDefault();
  }
}

const told = (/** @type {unknown} */ fault) => (fault instanceof Fault ? fault.message : "Something went wrong on this page: reload it. What was judged is stored.");

const place = document.getElementById("study");
if (place) new Study(place).start();
