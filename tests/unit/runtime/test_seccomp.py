"""The filter as the kernel reads it: run here by an interpreter of its few instructions, on both architectures."""

import struct
from errno import EPERM

import pytest

from doorward.runtime.worker.confine.seccomp import CALLS, program

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0x80000000
NUMBERS = {
    "x86_64": {"read": 0, "write": 1, "socket": 41, "clone": 56, "execve": 59, "kill": 62, "unshare": 272},
    "aarch64": {"read": 63, "write": 64, "socket": 198, "clone": 220, "execve": 221, "kill": 129, "unshare": 97},
}
BOTH = pytest.mark.parametrize("architecture", AUDIT)


def verdict(code: bytes, number: int, first: int = 0, *, audit: int) -> int:
    """What the filter says of a call."""
    data = struct.pack("=IIQQ", number, audit, 0, first)
    instructions = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
    at = loaded = 0
    while True:
        operation, if_true, if_false, value = instructions[at]
        at += 1
        match operation:
            case 0x20:
                (loaded,) = struct.unpack_from("=I", data, value)
            case 0x15:
                at += if_true if loaded == value else if_false
            case 0x35:
                at += if_true if loaded >= value else if_false
            case 0x45:
                at += if_true if loaded & value else if_false
            case 0x06:
                return value
            case _:
                raise AssertionError(hex(operation))


@BOTH
@pytest.mark.parametrize("network", [True, False])
def test_every_call_of_the_list_is_refused_and_ordinary_ones_go_through(architecture: str, *, network: bool) -> None:
    """AP-RUN-04"""
    code, audit = program(architecture, network=network), AUDIT[architecture]
    column = list(AUDIT).index(architecture)
    for name, numbers in CALLS.items():
        if numbers[column]:
            assert verdict(code, numbers[column], audit=audit) == ERRNO | EPERM, name
    for name in ("read", "write", "execve", "kill"):
        assert verdict(code, NUMBERS[architecture][name], audit=audit) == ALLOW, name


@BOTH
def test_processes_can_be_made_but_no_namespaces(architecture: str) -> None:
    code, audit, numbers = program(architecture, network=True), AUDIT[architecture], NUMBERS[architecture]
    fork, thread = 0x01200011, 0x003D0F00
    for flags in (fork, thread):
        assert verdict(code, numbers["clone"], flags, audit=audit) == ALLOW
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        for call in ("clone", "unshare"):
            assert verdict(code, numbers[call], fork | flag, audit=audit) == ERRNO | EPERM
    assert verdict(code, 435, audit=audit) == ERRNO | 38


@BOTH
def test_without_a_network_only_unix_sockets_can_be_made(architecture: str) -> None:
    """AP-RUN-02"""
    audit, number = AUDIT[architecture], NUMBERS[architecture]["socket"]
    families = range(46)
    closed = {
        one for one in families if verdict(program(architecture, network=False), number, one, audit=audit) == ALLOW
    }
    opened = {
        one for one in families if verdict(program(architecture, network=True), number, one, audit=audit) == ALLOW
    }
    assert (closed, opened) == ({1}, {1, 2, 10, 16})


@BOTH
def test_calls_of_another_architecture_end_the_process(architecture: str) -> None:
    other = next(audit for name, audit in AUDIT.items() if name != architecture)
    assert verdict(program(architecture, network=True), 0, audit=other) == KILL
    assert verdict(program(architecture, network=True), 0, audit=0x40000003) == KILL


def test_the_second_set_of_numbers_of_x86_64_is_refused() -> None:
    code = program("x86_64", network=True)
    assert verdict(code, 0x40000000 | 101, audit=AUDIT["x86_64"]) == ERRNO | EPERM
