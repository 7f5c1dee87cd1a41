// @ts-check
/**
 * Who is asked for first: the film on the screen, then the others of the worklist, one question at a time.
 */

/** @typedef {{reading: object, work: () => Promise<any>, resolve: (value: any) => void, reject: (reason: any) => void}} Job */

export class Turns {
  /** @param {() => object|null} current the reading on the screen */
  constructor(current) {
    this.current = current;
    /** @type {Job[]} */ this.waiting = [];
    /** @type {Job[]} */ this.running = [];
  }

  /**
   * Do some work when it is the reading's turn: at once for the one on the screen, one at a time for the others.
   * @template T @param {object} reading @param {() => Promise<T>} work @returns {Promise<T>}
   */
  take(reading, work) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ reading, work, resolve, reject });
      this.pump();
    });
  }

  pump() {
    const current = this.current();
    const urgent = this.waiting.findIndex((job) => job.reading === current);
    const next = urgent >= 0 ? urgent : this.waiting.length && !this.running.length ? 0 : -1;
    if (next < 0) return;
    const [job] = this.waiting.splice(next, 1);
    this.running.push(job);
    job.work().then(job.resolve, job.reject).finally(() => {
      this.running.splice(this.running.indexOf(job), 1);
      this.pump();
    });
    this.pump();
  }
}
