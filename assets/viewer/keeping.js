// @ts-check
/**
 * The worklist kept in this browser (IndexedDB), films and what was said of them, if the reader wants it: off unless
 * switched on, because films are patient data. Answers of the model are not kept: they are asked for again.
 */
import { isPoint } from "./film-measures.js";
import { forGood } from "./kept.js";
import { newReading } from "./reading.js";

/** @typedef {import("./workbench.js").Workbench} Workbench */
/** @typedef {import("./reading.js").Reading} Reading */

const [DATABASE, RECORDS, FILMS] = ["lofi", "readings", "films"];
const SWITCH = "lofi-keep";
/** Milliseconds after a change until it is written. */
const SOON = 150;

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const answer = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/** @param {IDBTransaction} writing @returns {Promise<void>} */
const written = (writing) => new Promise((resolve, reject) => {
  writing.oncomplete = () => resolve();
  for (const end of ["abort", "error"]) writing.addEventListener(end, () => reject(writing.error));
});

/** @returns {Promise<IDBDatabase>} */
function opened() {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(RECORDS, { keyPath: "id" });
    request.result.createObjectStore(FILMS);
  };
  return answer(request);
}

/** Whether no other tab has the worklist that is kept; it is this one's until it is closed. @returns {Promise<boolean>} */
const alone = () => new Promise((resolve) => {
  if (!navigator.locks) resolve(true); // only where the page comes by HTTPS or from this machine
  else navigator.locks.request("lofi-keep", { ifAvailable: true }, (lock) => {
    resolve(lock !== null);
    return lock && new Promise(() => {});
  });
});

/** All of a reading that is the reader's own. @param {Workbench} bench @param {Reading} reading @param {number} place */
function recordOf(bench, reading, place) {
  const { id, name, label, study, archive, search, selected, region, comment, reviewed, view } = reading;
  return {
    id, place, user: bench.offer?.user ?? "", current: reading === bench.current,
    name, label, study, archive, search, selected, comment, reviewed, view, region: region && { ...region, busy: false },
    findings: reading.findings.map(({ phrase, number, state, said, within, asks }) => ({ phrase, number, said, within, asks, state: state === "absent" ? state : "waiting" })),
    hidden: [...reading.hidden], kept: [...reading.kept], marks: reading.sheet.marks,
  };
}

/** A record as text: another one after whatever must not be lost. How a film is looked at is written along with it. @param {any} record */
const textOf = (record) => JSON.stringify({ ...record, view: null });

/** @param {any} record @param {File|undefined} file @returns {Reading} */
function readingOf(record, file) {
  const reading = newReading(record.name, { file, study: record.study, archive: record.archive }, record.search.where);
  const { id, label, search, selected, region, comment, reviewed, view, findings, hidden, kept, marks } = record;
  const more = { answer: "", asked: "", note: "", found: false, confidence: 0, boxes: [], scores: [], evidence: [], error: "" };
  reading.sheet.put(marks.filter((/** @type {import("./film-measures.js").Mark} */ mark) => !isPoint(mark)));
  return Object.assign(reading, {
    id, label, search, selected, region, comment, reviewed, view, hidden: new Set(hidden), kept: new Map(kept),
    findings: findings.map((/** @type {any} */ one) => ({ ...more, ...one })), state: search.alone && !file && !record.study && !record.archive ? "ready" : "waiting",
  });
}

export class Keeping {
  /** @param {Workbench} bench @param {() => void} changed */
  constructor(bench, changed) {
    this.bench = bench;
    this.changed = changed;
    this.on = forGood.getItem(SWITCH) === "on";
    /** Why nothing can be kept. */ this.error = "";
    /** Something lies in the browser. */ this.holds = false;
    /** @type {boolean|null} no other tab keeps its worklist; asked once */ this.own = null;
    /** Some of it is another user's. */ this.others = false;
    /** @type {IDBDatabase|null} */ this.database = null;
    /** @type {Map<string, string>} what was written, as JSON, by id */ this.saved = new Map();
    /** What was written last, or could not be. */ this.tried = "";
    this.marked = () => this.touched();
    this.timer = 0;
    /** @type {Promise<void>} */ this.writing = Promise.resolve();
  }

  /** What was kept, brought back. Called once, when the server has said who is here. */
  async begin() {
    try {
      if (this.on && !(await this.taken())) this.on = false;
      this.database = await opened();
      const records = await answer(this.database.transaction(RECORDS).objectStore(RECORDS).getAll());
      const mine = records.filter(({ user }) => user === (this.bench.offer?.user ?? "")).sort((a, b) => a.place - b.place);
      Object.assign(this, { holds: records.length > 0, others: records.length > mine.length });
      const films = this.database.transaction(FILMS).objectStore(FILMS);
      const files = await Promise.all(mine.map(({ id }) => answer(films.get(id))));
      if (this.on) this.bench.restore(mine.map((record, index) => readingOf(record, files[index])), mine.findIndex(({ current }) => current));
      for (const record of mine) this.saved.set(record.id, "");
    } catch {
      this.error = "This browser lets the page keep nothing here (a private window, or full).";
    }
    this.changed();
  }

  /** Whether what is kept is this tab's: two would overwrite one another. */
  async taken() {
    this.own ??= await alone();
    this.error = this.own ? "" : "Another tab of this browser has the worklist that is kept: close it first, then reload this one.";
    return this.own;
  }

  /** Something has changed: write it soon. */
  touched() {
    for (const { sheet } of this.bench.worklist) sheet.heard.add(this.marked);
    if (!this.on || !this.database || this.timer || this.tried === this.now()) return;
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      this.writing = this.write();
    }, SOON);
  }

  /** Whether all of the worklist lies in the browser. */
  get whole() {
    return this.on && !this.error && this.unwritten().length === 0;
  }

  records() {
    return this.bench.worklist.map((reading, place) => ({ reading, record: recordOf(this.bench, reading, place) }));
  }

  now() {
    return this.records().map(({ record }) => textOf(record)).join("\n");
  }

  unwritten() {
    return this.records().filter(({ record }) => this.saved.get(record.id) !== textOf(record));
  }

  async write() {
    if (!this.on || !this.database) return;
    this.tried = this.now();
    const [fresh, there] = [this.unwritten(), new Set(this.bench.worklist.map(({ id }) => id))];
    const gone = [...this.saved.keys()].filter((id) => !there.has(id));
    if (!fresh.length && !gone.length) return;
    try {
      const writing = this.database.transaction([RECORDS, FILMS], "readwrite");
      const [records, films] = [writing.objectStore(RECORDS), writing.objectStore(FILMS)];
      for (const { reading, record } of fresh) {
        records.put(record);
        if (reading.file && !this.saved.has(record.id)) films.put(reading.file, record.id);
      }
      for (const id of gone) [records, films].forEach((store) => store.delete(id));
      await written(writing);
      for (const { record } of fresh) this.saved.set(record.id, textOf(record));
      for (const id of gone) this.saved.delete(id);
      Object.assign(this, { error: "", holds: this.others || this.saved.size > 0 });
    } catch {
      this.error = "The browser could not keep all of the worklist: its room may be full.";
    }
    this.changed();
  }

  /** Keep the worklist from now on. */
  async begun() {
    if (!(await this.taken())) return this.changed();
    this.on = true;
    forGood.setItem(SWITCH, "on");
    await this.write();
    this.changed();
  }

  /** Keep nothing any more, and remove what was kept, another user's too. */
  async clear() {
    this.on = false;
    forGood.removeItem(SWITCH);
    window.clearTimeout(this.timer);
    this.timer = 0;
    await this.writing;
    try {
      const writing = this.database?.transaction([RECORDS, FILMS], "readwrite");
      for (const store of [RECORDS, FILMS]) writing?.objectStore(store).clear();
      if (writing) await written(writing);
      Object.assign(this, { saved: new Map(), tried: "", holds: false, others: false, error: "" });
    } catch {
      this.error = "The browser did not let the page remove what it keeps: clear this site's data in its settings.";
    }
    this.changed();
  }
}
