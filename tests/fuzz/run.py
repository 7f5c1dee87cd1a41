"""A long run over all targets: ``python -m tests.fuzz.run --seconds 300`` or ``--executions 1000000``.

Each target runs in a process of its own, so that one that dies is a finding. Inputs that did what they may not are
written to ``--findings``; mend what they show and keep them as a test. ``--atheris TARGET`` lets Atheris choose the
inputs by coverage instead (``pip install lofi[fuzz]``); further arguments go to libFuzzer.
"""

import argparse
import contextlib
import hashlib
import inspect
import json
import random
import resource
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from lofi.errors import LofiError
from tests.fuzz.mutation import damaged
from tests.fuzz.targets import Target, clear, targets

SLOW_SECONDS = 5.0
MEMORY = 6 * 2**30


def main(arguments: list[str]) -> int:
    """Status 1 where anything was found."""
    given = _parser().parse_args(arguments)
    if given.atheris:
        return _atheris(given.atheris, given.rest)
    if given.only:
        print(json.dumps(_run(given.only, targets()[given.only], given)))
        clear()
        return 0
    rows, names = [], sorted(targets())
    clear()
    for name in names:
        rows.append(_in_a_process(name, given, len(names)))
        print(f"{name:20} {rows[-1]['executions']:>9,} executions  {len(rows[-1]['findings'])} findings", flush=True)
    total = sum(row["executions"] for row in rows)
    found = [finding for row in rows for finding in row["findings"]]
    print(f"{'all':20} {total:>9,} executions  {len(found)} findings, seed {given.seed}")
    for finding in found:
        print(finding)
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--seconds", type=float, default=300, help="for all targets together (300)")
    made.add_argument("--executions", type=int, default=0, help="so many for all targets together, whatever they take")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--findings", type=Path, default=Path("runs/fuzz"))
    made.add_argument("--only", help="one target, in this process")
    made.add_argument("--atheris", metavar="TARGET")
    made.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    return made


def _in_a_process(name: str, given: argparse.Namespace, count: int) -> dict[str, Any]:
    each = ["--seconds", str(given.seconds / count), "--executions", str(-(-given.executions // count))]
    more = ["--seed", str(given.seed), "--findings", str(given.findings)]
    command = [sys.executable, "-m", "tests.fuzz.run", "--only", name, *each, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return dict(json.loads(done.stdout.splitlines()[-1]))
    last = given.findings / f"{name}.last"
    return {
        "executions": 0,
        "findings": [f"{name}: the process ended with {done.returncode} at {last}: {done.stderr[-300:]}"],
    }


def _run(name: str, target: Target, given: argparse.Namespace) -> dict[str, Any]:
    """Damage and read until the time or the count is over."""
    warnings.simplefilter("error")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    given.findings.mkdir(parents=True, exist_ok=True)
    chance, started, executions = random.Random(f"{given.seed} {name}"), time.monotonic(), 0
    found: dict[str, str] = {}
    examples = target.seeds()
    while executions < given.executions if given.executions else time.monotonic() - started < given.seconds:
        data = damaged(chance.choice(examples), chance, target.structured)
        if target.native:
            (given.findings / f"{name}.last").write_bytes(data)
        executions += 1
        before = time.monotonic()
        told = read(target, data)
        if time.monotonic() - before > SLOW_SECONDS:
            told = told or f"took {time.monotonic() - before:.0f} s"
        if told and told not in found:
            kept = given.findings / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
            kept.write_bytes(data)
            found[told] = f"{name}: {told} ({kept})"
    return {"executions": executions, "findings": list(found.values())}


def read(target: Target, data: bytes) -> str:
    """What came out that may not, as type and place; "" where nothing did."""
    try:
        target.read(data)
    except LofiError as error:
        text = str(error)
        return "" if text and "\n" not in text and "Traceback" not in text else "an error that is no sentence"
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
    return ""


def _atheris(name: str, rest: list[str]) -> int:
    import atheris  # type: ignore[import-not-found]

    target = targets()[name]

    def once(data: bytes) -> None:
        with contextlib.suppress(LofiError):
            target.read(data)

    for module in [one for name, one in sys.modules.items() if name.startswith("lofi")]:
        for value in vars(module).values():
            if inspect.isfunction(value) and value.__module__ == module.__name__:
                atheris.instrument_func(value)  # all of Python's modules would take minutes
    corpus = Path("runs/fuzz") / f"{name}-corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], *rest, str(corpus)], once)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
