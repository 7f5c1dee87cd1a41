"""The filter of system calls, run by hand as the kernel would; what a worker meets is tried in test_cage."""

import struct

import pytest

from lofi.film.calls import numbers, program, refuse

ARCHITECTURES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
USUAL = {"x86_64": {"read": 0, "mmap": 9, "futex": 202, "openat": 257, "recvmsg": 47, "tgkill": 234, "exit_group": 231}}
USUAL["aarch64"] = {"read": 63, "mmap": 222, "futex": 98, "openat": 56, "recvmsg": 212, "tgkill": 131, "exit_group": 94}


def run(code: bytes, number: int, architecture: int) -> str:
    """What four instructions of classic BPF come to for a call; IndexError where a jump leads nowhere."""
    steps, at, held = list(struct.iter_unpack("=HBBI", code)), 0, 0
    while True:
        kind, when, otherwise, value = steps[at]
        at += 1
        if kind == 0x20:
            held = {0: number, 4: architecture}[value]
        elif kind == 0x06:
            return {0x7FFF_0000: "allow", 0x8000_0000: "end", 0x0005_0001: "refuse"}[value]
        else:
            at += when if (held == value if kind == 0x15 else held >= value) else otherwise


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_what_is_listed_is_refused_and_nothing_else(machine: str) -> None:
    code, refused = program(machine), set(numbers(machine).values())
    assert {"socket", "ptrace", "execve", "mount", "clone3", "kill"} <= set(numbers(machine))
    assert len(refused) == len(numbers(machine))
    for number in range(600):
        assert run(code, number, ARCHITECTURES[machine]) == ("refuse" if number in refused else "allow"), number
    assert not refused & set(USUAL[machine].values())


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_another_architecture_ends_the_process(machine: str) -> None:
    assert run(program(machine), USUAL[machine]["read"], 0x4000_0003) == "end"


def test_the_other_interface_of_x86_64_is_refused() -> None:
    assert run(program("x86_64"), 0x4000_0000, ARCHITECTURES["x86_64"]) == "refuse"


def test_a_machine_without_a_table_goes_on_without() -> None:
    assert refuse("riscv64") is False
