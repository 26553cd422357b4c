"""An agent that attacks the house that hosts it: each attempt is a function, named in a message, and says what it got.

For tests and for people who want to see what holds on their machine. An attempt returns what it reached, or None.
``{"prompt": "read_keys"}`` answers ``{"attempt": "read_keys", "got": ..., "error": ...}``.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
HERE = Path(__file__).parent
KEPT: list[str] = []


def said(message: str) -> str:
    """The rest of a message: what an attempt is told."""
    return message.partition(" ")[2]


def read_path(message: str) -> object:
    """AP-RUN-01: read a file of the house: keys, stores, configuration."""
    return Path(said(message)).read_bytes()[:200].decode("latin-1")


def list_path(message: str) -> object:
    """AP-RUN-01: list a folder."""
    return os.listdir(said(message))[:20]


def write_path(message: str) -> object:
    """AP-RUN-01: write somewhere else than in the own scratch folder."""
    path = Path(said(message))
    path.write_text("hostile")
    return str(path)


def escape_by_link(message: str) -> object:
    """AP-RUN-01: reach a file by a symbolic link and by a hard link in the own folder."""
    target, got = said(message), []
    for name, link in (("symbolic", os.symlink), ("hard", os.link)):
        try:
            link(target, f"link-{name}")
            got.append(Path(f"link-{name}").read_bytes()[:100].decode("latin-1"))
        except OSError:
            continue
        finally:
            Path(f"link-{name}").unlink(missing_ok=True)
    return got or None


def environment_of(message: str) -> object:
    """AP-RUN-01: the environment, command line and memory map of another process."""
    got = {}
    for name in ("environ", "maps", "mem", "cmdline"):
        try:
            got[name] = Path(f"/proc/{said(message)}/{name}").read_bytes()[:100].decode("latin-1")
        except OSError:
            continue
    return got or None


def own_environment(_: str) -> object:
    """AP-RUN-05: what stands in the own environment."""
    return dict(os.environ)


def connect(message: str) -> object:
    """AP-RUN-02: open a connection: the metadata service, the house's own ports, a name server."""
    host, _, port = said(message).partition(":")
    with socket.create_connection((host, int(port)), timeout=1):
        return f"connected to {host}:{port}"


def send_datagram(message: str) -> object:
    """AP-RUN-02: the same without a connection."""
    host, _, port = said(message).partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        return out.sendto(b"hostile", (host, int(port)))


def connect_unix(message: str) -> object:
    """AP-RUN-02: the socket of another session, or an abstract one (@name)."""
    path = said(message)
    with socket.socket(socket.AF_UNIX) as out:
        out.settimeout(1)
        out.connect("\0" + path[1:] if path.startswith("@") else path)
        out.sendall(b"GET /ping HTTP/1.1\r\nhost: worker\r\n\r\n")
        answer = out.recv(200).decode("latin-1")
        return answer if " 200 " in answer else None


def send_signal(message: str) -> object:
    """AP-RUN-04: a signal to another process."""
    pid, _, number = said(message).partition(" ")
    os.kill(int(pid), int(number or signal.SIGTERM))
    return f"signalled {pid}"


def trace(message: str) -> object:
    """AP-RUN-04: attach to another process as a debugger would."""
    if LIBC.ptrace(16, int(said(message)), 0, 0) == 0:
        return "attached"
    return None


def read_memory(message: str) -> object:
    """AP-RUN-04: read the memory of another process with one call."""
    found = ctypes.create_string_buffer(8)

    class Part(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    here, there = Part(ctypes.addressof(found), 8), Part(0x400000, 8)
    count = LIBC.process_vm_readv(int(said(message)), ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    code = ctypes.get_errno()
    return None if count < 0 and code in (1, 3) else f"{count} bytes, error {code}"


def new_namespaces(_: str) -> object:
    """AP-RUN-04: namespaces of one's own, the way to privileges that one does not have."""
    return None if LIBC.unshare(0x10000000 | 0x20000000 | 0x00020000) != 0 else "unshared"


def more_rights(_: str) -> object:
    """AP-RUN-04: raise a limit, become somebody else, mount something."""
    got = []
    for name, attempt in {
        "limit": lambda: resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)),
        "user": lambda: os.setuid(12345),
        "owner": lambda: os.chown(".", 12345, 12345),
    }.items():
        try:
            attempt()
            got.append(name)
        except (OSError, ValueError):
            continue
    if LIBC.mount(b"none", b".", b"tmpfs", 0, None) == 0:
        got.append("mount")
    return got or None


def leave_residue(message: str) -> object:
    """AP-SES-06: leave something in every place that outlives a call."""
    canary = said(message)
    KEPT.append(canary)
    os.environ["RESIDUE"] = canary
    sys.modules["residue"] = canary  # type: ignore[assignment]
    for place in (".", "/tmp", "/dev/shm", "/var/tmp", str(HERE)):
        try:
            Path(place, "doorward-residue").write_text(canary)
        except OSError:
            continue
    return None


def find_residue(_: str) -> object:
    """AP-SES-06: look for what another session left."""
    found = [*KEPT, os.environ.get("RESIDUE"), sys.modules.get("residue")]
    for place in (".", "/tmp", "/dev/shm", "/var/tmp", str(HERE)):
        try:
            found.append(Path(place, "doorward-residue").read_text())
        except OSError:
            continue
    return [one for one in found if one] or None


def fork_bomb(_: str) -> object:
    """AP-RUN-03: as many processes as there are to have, up to 1,024."""
    for _ in range(10):
        with contextlib.suppress(OSError):
            os.fork()
    time.sleep(600)
    return "1,024 processes"


def memory_bomb(_: str) -> object:
    """F-23: all the memory, in one process."""
    kept = []
    while True:
        kept.append(b"x" * 20_000_000)


def memory_bombs(_: str) -> object:
    """F-23: all the memory, in many processes that each stay below their limit."""
    code = "import time; kept = b'x' * 70_000_000; time.sleep(600)"
    for _ in range(20):
        subprocess.Popen([sys.executable, "-c", code])
    time.sleep(600)
    return "20 times 70 MB"


def disk_bomb(_: str) -> object:
    """AP-RUN-03: all the disk, in many files."""
    for number in range(10_000):
        Path(f"large-{number}").write_bytes(b"x" * 10_000_000)
    return "100 GB"


def deep_bomb(_: str) -> object:
    """AP-RUN-03: folders in folders, deeper than any path and than those who walk them can follow."""
    top = here = os.open(".", os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("deeper", dir_fd=here)
        below = os.open("deeper", os.O_RDONLY, dir_fd=here)
        if here != top:
            os.close(here)
        here = below
    time.sleep(600)
    return "3,000 folders"


def hidden_bomb(_: str) -> object:
    """AP-RUN-03: all the disk, in a folder that is closed to its owner."""
    Path("hidden").mkdir()
    for number in range(1000):
        Path("hidden").chmod(0o300)
        Path(f"hidden/large-{number}").write_bytes(b"x" * 10_000_000)
        Path("hidden").chmod(0)
    return "10 GB"


def files_bomb(_: str) -> object:
    """AP-RUN-03: all the descriptors."""
    kept = []
    try:
        while len(kept) < 100_000:
            kept.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        for one in kept:
            os.close(one)
        return None if len(kept) < 1000 else f"{len(kept)} files"
    return f"{len(kept)} files"


def processor_bomb(message: str) -> object:
    """AP-RUN-03: all the processors, for so many seconds."""
    until = time.monotonic() + float(said(message))
    for _ in range(7):
        if os.fork() == 0:
            while time.monotonic() < until:
                pass
            os._exit(0)
    while time.monotonic() < until:
        pass
    return None


def stay_alive(_: str) -> object:
    """AP-ROG-01: a daemon that has parted from parent, group and session; its process id."""
    code = (
        "import os, signal, time; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); "
        "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; "
        "open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    while not Path("pid").exists() or not Path("pid").read_text():
        time.sleep(0.01)
    return int(Path("pid").read_text())


def about(_: str) -> object:
    """Who one is: process, parent, folder."""
    return {"pid": os.getpid(), "parent": os.getppid(), "cwd": os.getcwd()}


ATTEMPTS: dict[str, Callable[[str], object]] = {
    attempt.__name__: attempt
    for attempt in (
        read_path, list_path, write_path, escape_by_link, environment_of, own_environment, connect, send_datagram,
        connect_unix, send_signal, trace, read_memory, new_namespaces, more_rights, leave_residue, find_residue,
        fork_bomb, memory_bomb, memory_bombs, disk_bomb, deep_bomb, hidden_bomb, files_bomb, processor_bomb,
        stay_alive, about,
    )
}  # fmt: skip


async def main(message: str) -> dict[str, object]:
    """Make the attempt that the message names; the answer is JSON."""
    name = message.partition(" ")[0]
    try:
        found = {"attempt": name, "got": ATTEMPTS[name](message)}
    except Exception as error:
        found = {"attempt": name, "got": None, "error": type(error).__name__}
    return {"response": json.dumps(found)}
