"""The runtime's side of the warm process: orders a process for a session, and ends it with all that it started."""

import asyncio
import contextlib
import os
import secrets
import select
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from doorward.errors import AgentUnreachable
from doorward.model.secret import Secret
from doorward.runtime.connection import Connection
from doorward.runtime.output import forward_output, read_pipe
from doorward.runtime.process import WorkerPlan, WorkerProcess, launch, remove_files, socket_of
from doorward.runtime.sockets import listen
from doorward.runtime.tree import end_all
from doorward.runtime.wire import MAX_ORDER, Confinement, ForkOrder, ForkReport

log = structlog.get_logger()

FORK_SECONDS = 10.0
CLEARINGS = 10
CLEARING_SECONDS = 0.5


class SessionProcess(Connection):
    """The process of one session. `ended` is set when it has."""

    def __init__(self, report: tuple[int, int], scratch: Path, secret: Secret, on_end: Callable[[int], object]) -> None:
        pid, held = report
        super().__init__(socket_of(scratch), secret)
        self.pid = pid
        self.scratch = scratch
        self.ended = asyncio.Event()
        self.outputs: list[asyncio.Task[None]] = []
        self._held = held
        self._tell = on_end
        asyncio.get_running_loop().add_reader(held, self._on_end)

    def alive(self) -> bool:
        """Whether it has not ended, asked of the kernel: the event loop may not have heard of the end yet."""
        if self.ended.is_set():
            return False
        look = select.poll()
        look.register(self._held, select.POLLIN)
        return not look.poll(0)

    async def kill(self) -> None:
        """End it at once, with all that is below it, and remove what it left. May be said twice."""
        if self.alive():
            end_all(self.pid)
        await self.ended.wait()
        self.exchange.close()
        for task in self.outputs:
            task.cancel()
        await asyncio.gather(*self.outputs, return_exceptions=True)
        await self._clear()

    async def _clear(self) -> None:
        """Remove its folder. What it has left running writes there until the warden's next look ends it."""
        for _ in range(CLEARINGS):
            if await asyncio.to_thread(remove_files, self.scratch):
                return
            await asyncio.sleep(CLEARING_SECONDS)
        log.error("scratch_not_removed", pid=self.pid)

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._held)
        os.close(self._held)
        self.ended.set()
        self._tell(self.pid)


class Zygote(WorkerProcess):
    """A running warm process. `children` are the sessions' processes that it has forked and that have not ended."""

    def __init__(self, *started: object) -> None:
        super().__init__(*started)  # type: ignore[arg-type]
        self.children: dict[int, SessionProcess] = {}
        self.lock = asyncio.Lock()
        self.control: socket.socket | None = None
        self.folder = Path()
        self._orders = 0

    async def fork(self, confinement: Confinement) -> SessionProcess:
        """A process that serves one session. Raises `AgentUnreachable`."""
        scratch = self.folder / secrets.token_hex(16)
        secret = Secret(secrets.token_urlsafe(32))
        self._orders += 1
        order = ForkOrder(number=self._orders, secret=secret.reveal(), scratch=str(scratch), confinement=confinement)
        try:
            scratch.mkdir(mode=0o700)
            with contextlib.ExitStack() as lent, contextlib.ExitStack() as kept:
                listener = lent.enter_context(listen(socket_of(scratch)))
                (out, its_out), (err, its_err) = _pipe(kept, lent), _pipe(kept, lent)
                async with self.lock, asyncio.timeout(FORK_SECONDS):
                    process = await self._ordered(order, [listener.fileno(), its_out, its_err], scratch)
                kept.pop_all()  # who forwards them closes them
        except (OSError, TimeoutError) as error:
            remove_files(scratch)
            raise AgentUnreachable("A process for this session cannot be started.") from error
        outputs = {"stdout": out, "stderr": err}
        process.outputs = [asyncio.create_task(_forwarded(read, name, process.pid)) for name, read in outputs.items()]
        return process

    async def _ordered(self, order: ForkOrder, descriptors: list[int], scratch: Path) -> SessionProcess:
        if self.control is None:
            raise OSError("the warm process has ended")
        socket.send_fds(self.control, [msgspec.json.encode(order)], descriptors)
        report, received = await self._report(self.control, order.number)
        if report.problem or not received:
            raise OSError(report.problem)
        process = SessionProcess(
            (report.pid, received[0]), scratch, Secret(order.secret), lambda pid: self.children.pop(pid, None)
        )
        self.children[report.pid] = process
        return process

    async def _report(self, control: socket.socket, number: int) -> tuple[ForkReport, list[int]]:
        """Its answer to this order. INVARIANT: an answer to an order that was given up is taken for no other: a session
        would hold another's process. The warden ends the process that nobody waits for."""
        while True:
            data, received = await self._answer(control)
            report = msgspec.json.decode(data, type=ForkReport) if data else ForkReport(problem="it ended")
            if not data or report.number == number:
                return report, received
            for descriptor in received:
                os.close(descriptor)

    async def _answer(self, control: socket.socket) -> tuple[bytes, list[int]]:
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[None] = loop.create_future()
        loop.add_reader(control, _resolve, readable)
        try:
            await readable
        finally:
            loop.remove_reader(control)
        data, received, _, _ = socket.recv_fds(control, MAX_ORDER, 1)
        return data, list(received)

    async def clean_up(self) -> None:
        """Its sessions end with it: the kernel sees to that, and here to what they started."""
        try:
            for process in list(self.children.values()):
                await process.kill()
        finally:
            self.children.clear()
            control, self.control = self.control, None
            if control is not None:
                control.close()
            await super().clean_up()


async def start_zygote(plan: WorkerPlan) -> Zygote:
    """Start it and wait until it has loaded the agent. `ConfigurationError` says where and why it cannot."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    try:
        with its:
            zygote, report = await launch(plan, Zygote, control=its.fileno())
    except BaseException:
        ours.close()
        raise
    zygote.control = ours
    zygote.folder = plan.folder
    if report.threads:
        log.warning("agent_starts_threads", threads=report.threads)  # they are not there in a session
    log.info("warm_process_started", pid=zygote.pid, agent=plan.settings.name)
    return zygote


def _pipe(reading: contextlib.ExitStack, writing: contextlib.ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for stack, end in zip((reading, writing), ends, strict=True):
        stack.callback(os.close, end)
    return ends


def _resolve(readable: "asyncio.Future[None]") -> None:
    if not readable.done():
        readable.set_result(None)


async def _forwarded(descriptor: int, stream: str, pid: int) -> None:
    async with read_pipe(descriptor) as reader:
        await forward_output(reader, stream=stream, pid=pid)
