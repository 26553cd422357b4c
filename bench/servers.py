"""Starts what is measured: houses, floors and the proxies that are compared with. Everything stops by itself."""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from tests.journey.house import House, running_house

from bench import machine

ROOT = Path(__file__).resolve().parent.parent
AGENTS = ROOT / "bench" / "agents.py"
PEERS = ROOT / ".bench"
# The limiters count as always, but their limits are above what is measured.
UNBOUND = {
    f"DOORWARD_FRONT_DOOR_{name}": "1000000000"
    for name in ("ADDRESS_REQUESTS", "USER_REQUESTS", "CONCURRENT_TURNS", "WAITING_REQUESTS", "OPEN_STREAMS")
} | {
    "DOORWARD_CHAT_NAMES": "first-message",
    "DOORWARD_TELEMETRY_LOG_LEVEL": "warning",
    # What is measured is the house; what a process for each session adds has rows of its own.
    "DOORWARD_AGENT_ISOLATION": "shared",
}


class Measured(Struct, frozen=True):
    """A running house with one user signed in, and the processes to look at."""

    house: House
    token: str
    pids: dict[str, int]

    @property
    def url(self) -> str:
        """The front door."""
        return self.house.front_door

    @property
    def headers(self) -> dict[str, str]:
        """The user's credential."""
        return {"authorization": f"Bearer {self.token}"}

    def cpu(self, *names: str) -> float:
        """CPU seconds of these processes so far; of all without names."""
        return sum(machine.cpu_seconds(pid) for name, pid in self.pids.items() if not names or name in names)


@contextlib.contextmanager
def house(
    agent: str, *options: str, environment: dict[str, str] | None = None, folder: Path | None = None
) -> Iterator[Measured]:
    """A house whose agent is this function of `bench/agents.py`. Without `folder`, its data goes with it."""
    with contextlib.ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="doorward-bench-")))
        chosen = UNBOUND | (environment or {})
        running = stack.enter_context(
            running_house(place, "--agent", f"{AGENTS}:{agent}", *options, environment=chosen)
        )
        yield Measured(running, running.tokens()["access_token"], _pids(running.process.pid))


def _pids(supervisor: int) -> dict[str, int]:
    marks = {"gateway": "process gateway", "runtime": "process runtime", "worker": "runtime.worker"}
    found = {}
    for pid in machine.descendants(supervisor):
        command = machine.command_of(pid)
        found |= {name: pid for name, mark in marks.items() if mark in command}
    return found


class Peer(Struct, frozen=True):
    """Something that listens: its URL and its process."""

    url: str
    pid: int

    def cpu(self) -> float:
        """CPU seconds of it and its children so far."""
        return sum(machine.cpu_seconds(pid) for pid in (self.pid, *machine.descendants(self.pid)))


@contextlib.contextmanager
def bare(*arguments: str) -> Iterator[Peer]:
    """The agent behind bare uvicorn; with a URL, a bare hop to it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2048)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-m", "bench.stub", str(listener.fileno()), *arguments]
        with process(command, pass_fds=(listener.fileno(),)) as started:
            yield Peer(url, started.pid)


@contextlib.contextmanager
def process(command: Sequence[str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process, stopped at the end."""
    started = subprocess.Popen(command, cwd=options.pop("cwd", ROOT), **options)  # type: ignore[call-overload]
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(15)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, *, seconds: float = 30.0) -> None:
    """Wait until the URL answers anything at all."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310  # loopback only
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def program(name: str, *places: str) -> str | None:
    """Where a program is: in the path, or among what `make bench-peers` has fetched."""
    return shutil.which(name) or next((str(path) for place in places for path in PEERS.glob(place)), None)
