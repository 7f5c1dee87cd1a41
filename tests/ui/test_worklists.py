"""The page's worklist by itself, run by Node.js against a server that is down, or answers at once."""

import shutil
import subprocess
from pathlib import Path

import pytest

VIEWER = Path(__file__).parents[2] / "assets" / "viewer"
HEAD = """
const store = { getItem: () => null, setItem() {}, removeItem() {} };
Object.assign(globalThis, { window: globalThis, addEventListener() {}, document: { activeElement: null } });
for (const name of ["sessionStorage", "localStorage"]) Object.defineProperty(globalThis, name, { value: store });
const { Workbench } = await import("VIEWER/workbench.js");
const { addFinding, newReading } = await import("VIEWER/reading.js");
const { Fault } = await import("VIEWER/server.js");
const asked = [];
const answers = { ground: { findings: [{ boxes: [], scores: [], evidence: [], state: "found" }] } };
const bench = new Workbench(async (question) => {
  if (asked.push(question) > 50) process.exit(1); // a page that asks for ever
  if (!answers[question]) throw new Fault("The server is down.");
  return answers[question];
}, () => {});
bench.offer = { fingerprint: "m", colours: ["#fff"], dashes: [""] };
const [one, other] = ["Film 1", "Film 2"].map((name) => Object.assign(
  newReading(name, {}, ""), { film: { sha256: name, flags: [], unfit: "" }, hits: [], state: "ready" }));
bench.worklist.push(one, other);
"""


def asked(script: str) -> list[str]:
    """The questions that a script on a worklist of two films asks."""
    if shutil.which("node") is None:
        pytest.skip("no Node.js here, which runs it")
    tail = 'setTimeout(() => process.stdout.write(asked.join(" ")), 50);'
    whole = HEAD.replace("VIEWER", VIEWER.as_uri()) + script + tail
    command = ["node", "--input-type=module", "-e", whole]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()


def test_a_comment_that_cannot_be_stored_is_not_sent_again_and_again() -> None:
    assert asked('bench.initials = "AB"; bench.comment(one, "hello");') == ["keep_verdict", "kept_verdicts"]


def test_two_films_each_beside_the_other_are_asked_once() -> None:
    script = 'addFinding(one, "mass"); one.beside = other.key; bench.current = other; bench.putBeside(one);'
    assert asked(script) == ["ground", "ground"]


def test_a_heat_map_that_a_passing_error_kept_away_is_asked_for_again() -> None:
    script = """
    addFinding(one, "mass"); bench.current = one; await bench.find(one);
    const look = async () => {
      bench.lookAt();
      void bench.heat;
      await new Promise((done) => setTimeout(done, 5));
      void bench.heat;
    };
    await look(); // down
    await look(); // away
    answers.heat_map = { said: "there" };
    await look(); // asked again
    await look();
    await look(); // and kept
    """
    assert asked(script) == ["ground", "heat_map", "heat_map"]


KEPT = """
const said = { kind: "phrase", phrase: "mass", decision: "absent", reader: "AB", fingerprint: "m" };
one.kept.set("phrase mass", said);
answers.keep_verdict = { said };
bench.initials = "AB";
"""


def test_what_was_withdrawn_elsewhere_does_not_come_back_from_this_browser() -> None:
    script = (
        "answers.kept_verdicts = { verdicts: [], known: true }; await bench.recall(one); asked.push(one.kept.size);"
    )
    assert asked(KEPT + script) == ["kept_verdicts", "0"]


def test_what_a_server_has_lost_does_come_back_from_this_browser() -> None:
    script = "answers.kept_verdicts = { verdicts: [] }; await bench.recall(one); asked.push(one.verdicts.size);"
    assert asked(KEPT + script) == ["kept_verdicts", "keep_verdict", "1"]


def test_a_mark_whose_ends_are_one_point_is_none() -> None:
    script = """
    const { sheet } = one;
    const mark = (kind, ...points) => ({ kind, points });
    const ratio = mark("ratio", [0.3, 0.5], [0.6, 0.5], [0.2, 0.6], [0.2, 0.6]);
    const [length, angle] = [mark("length", [0.5, 0.5], [0.5, 0.5]), mark("angle", [0, 0], [1, 1], [1, 1])];
    for (const none of [length, angle, ratio]) sheet.add(none);
    asked.push(sheet.marks.length);
    sheet.add(mark("length", [0.5, 0.5], [0.6, 0.5]));
    sheet.replace(0, mark("length", [0.6, 0.5], [0.6, 0.5]));
    asked.push(sheet.marks.length, sheet.marks[0].points[0][0]);
    """
    assert asked(script) == ["0", "1", "0.5"]
