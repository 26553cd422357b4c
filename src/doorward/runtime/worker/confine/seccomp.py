"""seccomp: system calls that a session has no use for are answered with EPERM. See seccomp(2) and bpf(2).

The list denies; what is not on it goes through. It holds what reaches into other processes, changes the system, makes
namespaces, or opens large and young parts of the kernel.
"""

import ctypes
import struct
from collections.abc import Iterable, Iterator
from errno import EPERM
from typing import Final

from doorward.runtime.worker.confine.kernel import PR_SET_SECCOMP, machine, prctl

_FILTER: Final = 2
_AUDIT: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_KILL: Final = 0x80000000
_X32: Final = 0x40000000
# BPF: load a word, jump if equal, jump if greater or equal, jump if a bit is set, return.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
# Offsets in struct seccomp_data.
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16
_NAMESPACES: Final = 0x7E020080  # every CLONE_NEW* flag
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16

# name: (x86_64, aarch64); 0 where it does not exist.
CALLS: Final[dict[str, tuple[int, int]]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "setns": (308, 268),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "personality": (135, 92),
    "ioperm": (173, 0),
    "iopl": (172, 0),
    "modify_ldt": (154, 0),
    "uselib": (134, 0),
    "vhangup": (153, 58),
    "lookup_dcookie": (212, 18),
    "mbind": (237, 235),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
}
# Denied only with a flag that makes a namespace. clone3 hides its flags in memory: it is not there (ENOSYS), and the C
# library falls back to clone.
_FLAGGED: Final = {"unshare": (272, 97), "clone": (56, 220)}
_CLONE3: Final = 435
_SOCKET: Final = (41, 198)
_ENOSYS: Final = 38


def program(architecture: str, *, network: bool) -> bytes:
    """The filter, as BPF for `architecture` (``x86_64`` or ``aarch64``). Without `network`, only unix sockets can be
    made; with it, those of the internet and netlink (which name resolution asks) too."""
    column = list(_AUDIT).index(architecture)
    parts = [
        *_wrong_architecture(_AUDIT[architecture]),
        _instruction(_LOAD, value=_NUMBER),
        *([_instruction(_AT_LEAST, 0, 1, _X32), _answer(EPERM)] if architecture == "x86_64" else []),
    ]
    for numbers in CALLS.values():
        if numbers[column]:
            parts += [_instruction(_EQUAL, 0, 1, numbers[column]), _answer(EPERM)]
    parts += [_instruction(_EQUAL, 0, 1, _CLONE3), _answer(_ENOSYS)]
    for numbers in _FLAGGED.values():
        parts += _with_argument(numbers[column], [_instruction(_ANY_BIT, 0, 1, _NAMESPACES), _answer(EPERM)])
    families = (_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK) if network else (_AF_UNIX,)
    parts += _with_argument(_SOCKET[column], list(_only(families)))
    parts.append(_instruction(_RETURN, value=_ALLOW))
    return b"".join(parts)


def install(*, network: bool) -> list[str]:
    """Put it on this thread and what it starts, for good. Needs ``no_new_privs``. Returns what holds now; raises
    `OSError`."""
    architecture = machine()
    if not architecture:
        return []
    code = program(architecture, network=network)
    body = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("@HP", len(code) // 8, ctypes.addressof(body))
    holder = ctypes.create_string_buffer(head, len(head))
    prctl(PR_SET_SECCOMP, _FILTER, ctypes.addressof(holder))
    return ["system calls"] if network else ["system calls", "network"]


def _wrong_architecture(audit: int) -> Iterator[bytes]:
    yield _instruction(_LOAD, value=_ARCH)
    yield _instruction(_EQUAL, 1, 0, audit)
    yield _instruction(_RETURN, value=_KILL)


def _with_argument(number: int, rest: list[bytes]) -> list[bytes]:
    """For this call only: look at the first argument, do `rest`, and load the number again."""
    body = [_instruction(_LOAD, value=_FIRST_ARGUMENT), *rest, _instruction(_LOAD, value=_NUMBER)]
    return [_instruction(_EQUAL, 0, len(body), number), *body]


def _only(values: Iterable[int]) -> Iterator[bytes]:
    wanted = tuple(values)
    for place, value in enumerate(wanted):
        yield _instruction(_EQUAL, len(wanted) - place, 0, value)
    yield _answer(EPERM)


def _answer(code: int) -> bytes:
    return _instruction(_RETURN, value=_ERRNO | code)


def _instruction(code: int, if_true: int = 0, if_false: int = 0, value: int = 0) -> bytes:
    """One instruction of classic BPF: code, jumps (counted from the next one), operand."""
    return struct.pack("=HBBI", code, if_true, if_false, value)
