// @ts-check
/**
 * The keys of the reading room: they work wherever the focus is but in a field, the same as in a reader study.
 *
 * @typedef {import("./workbench.js").Workbench} Workbench
 * @typedef {{query: any}} Stage
 * @typedef {{keys: string[], shown: string, says: string, act: (bench: Workbench, stage: Stage) => void}} RoomKey
 */
import { undoKeys } from "./history.js";

/** Judge the row that was gone to. @param {(bench: Workbench, row: {finding: any, number: number}) => void} act */
const onRow = (act) => (/** @type {Workbench} */ bench) => {
  const { row } = bench;
  if (row) act(bench, row);
};
const onBox = (/** @type {(bench: Workbench, finding: any, number: number) => void} */ act) => onRow((bench, { finding, number }) => {
  if (number >= 0) act(bench, finding, number);
});

/** Once it is stored, to what is still open. @param {Workbench} bench @param {Promise<boolean>} stored */
const thenOn = (bench, stored) => stored.then((done) => done && bench.toOpen());

/** @type {RoomKey[]} */
export const ROOM_KEYS = [
  { keys: ["j"], shown: "J", says: "Go to the next box or phrase to be judged", act: (bench) => bench.step(1) },
  { keys: ["k"], shown: "K", says: "Go to the one before", act: (bench) => bench.step(-1) },
  { keys: ["a"], shown: "A", says: "Accept the box and go on to what is open", act: onBox((bench, finding, number) => {
    if (number < finding.boxes.length) thenOn(bench, bench.judgeBox(finding, number, "accepted"));
  }) },
  { keys: ["x"], shown: "X", says: "Reject the box (remove one that you drew) and go on", act: onBox((bench, finding, number) => {
    thenOn(bench, bench.judgeBox(finding, number, number < finding.boxes.length ? "rejected" : "withdrawn"));
  }) },
  { keys: ["v"], shown: "V", says: "Move or resize the box; again when done", act: onBox((bench, finding, number) => bench.redraw(finding, number)) },
  { keys: ["d"], shown: "D", says: "Draw the box anew", act: onBox((bench, finding, number) => bench.redraw(finding, number, true)) },
  { keys: ["u"], shown: "U", says: "Draw a box that was missed", act: onRow((bench, { finding }) => bench.redraw(finding, -1)) },
  { keys: ["o"], shown: "O", says: "Say that the finding is absent", act: onRow((bench, { finding }) => bench.judgePhrase(finding)) },
  { keys: ["c"], shown: "C", says: "Mark the case as reviewed and go to the next", act: (bench) => bench.nextCase() },
  { keys: ["h"], shown: "H", says: "Where the model looks: the heat map of the phrase", act: (bench) => bench.lookAt() },
  { keys: [".", "PageDown"], shown: ". or Page down", says: "Next film of the worklist", act: (bench) => bench.move(1) },
  { keys: [",", "PageUp"], shown: ", or Page up", says: "Film before it", act: (bench) => bench.move(-1) },
  { keys: ["/"], shown: "/", says: "Write what to look for", act: () => document.getElementById("phrases")?.focus() },
  { keys: ["["], shown: "[", says: "Hide or show the worklist", act: (bench) => bench.fold("desk") },
  { keys: ["]"], shown: "]", says: "Hide or show the findings", act: (bench) => bench.fold("record") },
  { keys: ["?"], shown: "?", says: "This list, from anywhere", act: (_, stage) => stage.query?.pane.help() },
];

const JUDGING = new Set("jkaxvduo");

/** A page key belongs to what it scrolls. @param {KeyboardEvent} event */
function scrolls({ key, target }) {
  return key.startsWith("Page") && target instanceof HTMLElement && target !== document.body && !target.closest(".film");
}

/** @param {Workbench} bench @param {Stage} stage @param {HTMLElement} room @param {() => void} reveal the findings */
export function listenInRoom(bench, stage, room, reveal) {
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    const inField = target instanceof HTMLElement && target.matches("input:not([type=checkbox], [type=range]), textarea, select, dialog *");
    if (!room.isConnected || inField || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (undoKeys(event, bench.current?.sheet.history) || event.ctrlKey || event.altKey || event.metaKey || scrolls(event)) return;
    const key = ROOM_KEYS.find(({ keys }) => keys.includes(event.key.length > 1 ? event.key : event.key.toLowerCase()));
    if (!key) return;
    event.preventDefault();
    if (JUDGING.has(key.keys[0])) reveal();
    key.act(bench, stage);
  });
}
