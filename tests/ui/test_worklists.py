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
const bench = new Workbench(async (question) => {
  if (asked.push(question) > 50) process.exit(1); // a page that asks for ever
  if (question !== "ground") throw new Fault("The server is down.");
  return { findings: [{ boxes: [], scores: [], evidence: [], state: "found" }] };
}, () => {});
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
