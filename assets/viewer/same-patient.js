// @ts-check
/**
 * Which films of the worklist show one patient, as their files say, and how many days lie between them: pure functions.
 */

/** @typedef {import("./reading.js").Reading} Reading */

/** Days come counted round, as lofi/ui/sameness.py does it. */
const ROUND = 2 ** 20;

/** Whether two files name one patient; null where one of them names none. @param {Reading} one @param {Reading} other */
export function samePatient(one, other) {
  return one.same && other.same ? one.same.patient === other.same.patient : null;
}

/** Days from one film to the other, negative where the other is older; null where that is not known. @param {Reading} one @param {Reading} other */
export function daysTo(one, other) {
  const [from, to] = [one.same?.day ?? null, other.same?.day ?? null];
  if (!samePatient(one, other) || from === null || to === null) return null;
  const days = (((to - from) % ROUND) + ROUND) % ROUND;
  return days > ROUND / 2 ? days - ROUND : days;
}

/** How the other film stands to this one, in words; "" where it is not known to be the same patient. @param {Reading} one @param {Reading} other */
export function relation(one, other) {
  if (!samePatient(one, other)) return "";
  const days = daysTo(one, other);
  if (days === null) return "same patient, date not known";
  if (days === 0) return "same patient, same day";
  return `same patient, ${Math.abs(days)} ${Math.abs(days) === 1 ? "day" : "days"} ${days < 0 ? "before" : "later"}`;
}

/** The other films of the worklist that can be put beside one: the same patient's first, by date. @param {Reading[]} worklist @param {Reading} reading */
export function companions(worklist, reading) {
  const others = worklist.filter((other) => other !== reading && other.film);
  const order = (/** @type {Reading} */ other) => (samePatient(reading, other) ? Math.abs(daysTo(reading, other) ?? ROUND) : 2 * ROUND);
  return others.map((other, place) => ({ other, place })).sort((a, b) => order(a.other) - order(b.other) || a.place - b.place).map(({ other }) => other);
}
