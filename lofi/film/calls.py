"""System calls that a worker gives up: a seccomp filter, which the kernel keeps to whatever the process becomes.

Decoding needs to compute, to read a module and to answer over a socket that is open already. What reaches other
processes, the network, programs, mounts or the kernel's own settings is answered by "not permitted", as if it lacked
the right. A list of what is refused, not of what is allowed: decoders and C libraries change, and one call too few
would end films that are whole. The library for this, libseccomp, is a system package of its own; the filter is short.
"""

import ctypes
import errno
import platform
import struct
import sys

_REFUSED = {
    # name: (x86-64, arm64), None where the machine has no such call; from the kernel's syscall_64.tbl and unistd.h
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "bind": (49, 200), "listen": (50, 201),
    "socketpair": (53, 199), "accept4": (288, 242),
    "clone": (56, 220), "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "clone3": (435, 435), "kill": (62, 129), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "quotactl": (179, 60), "swapon": (167, 224),
    "swapoff": (168, 225), "acct": (163, 89),
    "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143),
    "setgroups": (116, 159), "setresuid": (117, 147), "setresgid": (119, 149), "capset": (126, 91),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "syslog": (103, 116), "personality": (135, 92),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266), "sethostname": (170, 161), "setdomainname": (171, 162),
    "iopl": (172, None), "ioperm": (173, None), "vhangup": (153, 58),
}  # fmt: skip
_MACHINES = {"x86_64": (0, 0xC000_003E, 317), "aarch64": (1, 0xC000_00B7, 277)}
"""Machine → its column, its AUDIT_ARCH number, its number of seccomp(2)."""
_X32 = 0x4000_0000
"""From here on the calls of x86-64's other interface are numbered, which nothing here uses."""
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _END, _REFUSE = 0x7FFF_0000, 0x8000_0000, 0x0005_0000 | errno.EPERM
_FILTER_MODE, _ALL_THREADS, _NO_NEW_PRIVILEGES = 1, 1, 38


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def refuse(machine: str = platform.machine()) -> bool:
    """Refuse these calls from now on, in every thread; whether the kernel agreed. It cannot be taken back."""
    if sys.platform != "linux" or machine not in _MACHINES or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    code = program(machine)
    wanted = _Program(len(code) // 8, code)
    number = _MACHINES[machine][2]
    try:
        library = ctypes.CDLL(None, use_errno=True)
        # Without this only root may, and a worker is root no more.
        library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return int(library.syscall(number, _FILTER_MODE, _ALL_THREADS, ctypes.byref(wanted))) == 0
    except (AttributeError, OSError):
        return False


def program(machine: str) -> bytes:
    """The filter for a machine, instructions of classic BPF over the kernel's seccomp_data, 8 bytes each.

    A call by another architecture's numbers ends the process: the table would not be the right one.
    """
    architecture = _MACHINES[machine][1]
    refused = numbers(machine).values()
    steps = [_step(_LOAD, 4), _step(_EQUAL, architecture, 1, 0), _step(_RETURN, _END), _step(_LOAD, 0)]
    # Each comparison jumps to the last step but is 255 steps away from it at most.
    last = len(refused) + (machine == "x86_64")
    if machine == "x86_64":
        steps.append(_step(_AT_LEAST, _X32, last, 0))
        last -= 1
    for place, number in enumerate(refused):
        steps.append(_step(_EQUAL, number, last - place, 0))
    return b"".join([*steps, _step(_RETURN, _ALLOW), _step(_RETURN, _REFUSE)])


def numbers(machine: str) -> dict[str, int]:
    """The calls that are refused on a machine, by name."""
    column = _MACHINES[machine][0]
    return {name: number for name, row in _REFUSED.items() if (number := row[column]) is not None}


def _step(code: int, value: int, when: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, when, otherwise, value)
