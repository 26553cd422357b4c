"""Runs the processes of the house: starts them, waits until each is ready, restarts crashed ones, stops them all, the
last planned first.

A child gets its orders as one JSON line on stdin, says that it is ready as one JSON line on a pipe, and takes the end
of its stdin for the end of its supervisor. A child that exits with `EXIT_CONFIGURATION`, or before it was ever ready,
is not started again: it has said on stderr what is wrong.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from doorward.errors import ConfigurationError
from doorward.model.chat import JsonObject

EXIT_CONFIGURATION = 78
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0
_QUIET_AFTER = 30.0


class Plan(Struct, frozen=True):
    """One child: its name, its orders (with the numbers of the file descriptors that it inherits)."""

    name: str
    orders: JsonObject
    fds: tuple[int, ...]


class Supervisor:
    """Keeps the planned children running. `say` gets a sentence for each thing that a person should know."""

    def __init__(self, plans: Sequence[Plan], *, say: Callable[[str], None], grace: float) -> None:
        self._plans = plans
        self._say = say
        self._grace = grace
        self._stopping = asyncio.Event()
        self._failure: ConfigurationError | None = None
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self, timeout: float) -> dict[str, JsonObject]:
        """Start all; returns what each said when it was ready. `ConfigurationError` when one cannot start."""
        loop = asyncio.get_running_loop()
        ready: dict[str, asyncio.Future[JsonObject]] = {plan.name: loop.create_future() for plan in self._plans}
        self._keepers = [asyncio.create_task(self._keep(plan, ready[plan.name])) for plan in self._plans]
        stopped = asyncio.create_task(self._stopping.wait())
        everyone = asyncio.gather(*ready.values())
        either: set[asyncio.Future[Any]] = {everyone, stopped}
        await asyncio.wait(either, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not everyone.done():
            everyone.cancel()
            await asyncio.gather(everyone, return_exceptions=True)  # else its end is called unseen, on stderr
            if self._failure is not None:
                raise self._failure
            if self._stopping.is_set():
                raise ConfigurationError("Stopped before everything was ready.", code="stopped")
            raise ConfigurationError(f"Not ready after {timeout:.0f} s; see the log above.", code="not_ready")
        return {name: future.result() for name, future in ready.items()}

    def stop(self) -> None:
        """Ask for the end; `wait` returns when every child is gone."""
        self._stopping.set()

    async def wait(self) -> None:
        """Wait for `stop` (or for a child that must not be started again), then end the children."""
        await asyncio.gather(*self._keepers)
        if self._failure is not None:
            raise self._failure

    async def _keep(self, plan: Plan, ready: asyncio.Future[JsonObject]) -> None:
        pause = _FIRST_PAUSE
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            started = loop.time()
            status = await self._run_once(plan, ready)
            if self._stopping.is_set():
                return
            if status == EXIT_CONFIGURATION or not ready.done():
                self._failure = ConfigurationError(f"The {plan.name} process could not start.", code="child_refused")
                self._stopping.set()
                return
            pause = _FIRST_PAUSE if loop.time() - started > _QUIET_AFTER else pause
            self._say(f"The {plan.name} process ended ({_describe(status)}); starting it again in {pause:.1f} s.")
            await self._sleep_unless_stopping(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _sleep_unless_stopping(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def _run_once(self, plan: Plan, ready: asyncio.Future[JsonObject]) -> int:
        status_read, status_write = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "doorward.compose.process",
                plan.name,
                stdin=asyncio.subprocess.PIPE,
                pass_fds=(*plan.fds, status_write),
                start_new_session=True,
            )
        finally:
            os.close(status_write)
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        process.stdin.write(msgspec.json.encode({**plan.orders, "status_fd": status_write}) + b"\n")
        listener = asyncio.create_task(_hear(status_read, ready))
        try:
            return await self._until_end(process, plan)
        finally:
            listener.cancel()
            os.close(status_read)

    async def _until_end(self, process: asyncio.subprocess.Process, plan: Plan) -> int:
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([ended, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            await self._later_ones(plan)
        if not ended.done():
            process.send_signal(signal.SIGINT)  # the house closes; SIGTERM would say that another takes over
            await asyncio.wait([ended], timeout=self._grace)
        if not ended.done():
            process.kill()
        return await ended

    async def _later_ones(self, plan: Plan) -> None:
        """Wait for the end of those planned after `plan`: they call it, and it must not be gone before they are."""
        later = self._keepers[self._plans.index(plan) + 1 :]
        if later:
            await asyncio.wait(later)


async def _hear(fd: int, ready: asyncio.Future[JsonObject]) -> None:
    """Take the ready line from the pipe."""
    loop = asyncio.get_running_loop()
    heard = bytearray()
    more = asyncio.Event()

    def read() -> None:
        piece = os.read(fd, 65536)
        heard.extend(piece)
        if not piece:
            loop.remove_reader(fd)
        more.set()

    loop.add_reader(fd, read)
    try:
        while b"\n" not in heard:
            await more.wait()
            more.clear()
        if not ready.done():
            ready.set_result(msgspec.json.decode(bytes(heard).split(b"\n", 1)[0]))
    finally:
        loop.remove_reader(fd)


def _describe(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
