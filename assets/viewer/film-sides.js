// @ts-check
/**
 * What is said of R and L: whether they are known, and how the film lies that bears them.
 */

/** As the film is stored, and before how it lies else. @type {Record<string, [string, string]>} */
const SIDES = {
  file: ["R and L mark the patient's sides, as the file says.", "R and L as the file says, "],
  usual: ["R and L mark the patient's sides if the film is stored as usual: the patient's right on the left.",
    "R and L as films are usually stored, the patient's right on the left, "],
  "": ["No R and L: which side of this picture is which is not known.", "No R and L. "],
};

/** @param {string|null} sides "file", "usual", "" where they are not known, null while nothing is @param {import("./film-geometry.js").View} view */
export function sidesNote(sides, { turns, flipped }) {
  const [said, before] = SIDES[sides ?? ""];
  const lies = [turns && `turned by ${90 * turns}°`, flipped && "mirrored"].filter(Boolean).join(" and ");
  if (lies) return sides || sides === null ? `${before}${lies}.` : `${before}${lies[0].toUpperCase()}${lies.slice(1)}.`;
  return sides === null ? "" : said;
}
