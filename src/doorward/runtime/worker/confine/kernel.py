"""System calls that Python has no name for. Linux on x86_64 and aarch64; anywhere else nothing of it is offered."""

import ctypes
import os
import platform
import sys
from typing import Final

# The same number on every architecture since Linux 5.13 (asm-generic/unistd.h).
LANDLOCK_CREATE_RULESET: Final = 444
LANDLOCK_ADD_RULE: Final = 445
LANDLOCK_RESTRICT_SELF: Final = 446

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_SECCOMP: Final = 22
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
_CAPSET: Final = {"x86_64": 126, "aarch64": 91}
_CAPABILITIES_3: Final = 0x20080522


def machine() -> str:
    """``x86_64``, ``aarch64``, or empty where none of this is offered."""
    name = platform.machine()
    return name if sys.platform == "linux" and name in _CAPSET else ""


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def syscall(number: int, *arguments: int | ctypes.Array[ctypes.c_char] | None) -> int:
    """The call's result; -1 becomes `OSError`."""
    libc = _libc()
    libc.syscall.restype = ctypes.c_long
    passed = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *passed))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def prctl(option: int, *arguments: int) -> None:
    """Raises `OSError`."""
    padded = [ctypes.c_ulong(one) for one in (*arguments, 0, 0, 0, 0)[:4]]
    if _libc().prctl(ctypes.c_int(option), *padded) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def drop_capabilities() -> None:
    """Give every capability up: root without them owns its files and nothing more. Raises `OSError`."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = ctypes.create_string_buffer(_CAPABILITIES_3.to_bytes(4, sys.byteorder) + bytes(4), 8)
    none = ctypes.create_string_buffer(bytes(24), 24)
    syscall(_CAPSET[machine()], header, none)
