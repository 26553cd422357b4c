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
        await asyncio.to_thread(remove_files, self.scratch)

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

    async def fork(self, confinement: Confinement) -> SessionProcess:
        """A process that serves one session. Raises `AgentUnreachable`."""
        scratch = self.folder / secrets.token_hex(16)
        scratch.mkdir(mode=0o700)
        secret = Secret(secrets.token_urlsafe(32))
        order = ForkOrder(secret=secret.reveal(), scratch=str(scratch), confinement=confinement)
        try:
            with contextlib.ExitStack() as ours:
                listener = ours.enter_context(listen(socket_of(scratch)))
                (out, its_out), (err, its_err) = os.pipe(), os.pipe()
                for descriptor in (its_out, its_err):
                    ours.callback(os.close, descriptor)
                outputs = {"stdout": out, "stderr": err}
                try:
                    async with self.lock, asyncio.timeout(FORK_SECONDS):
                        process = await self._ordered(order, [listener.fileno(), its_out, its_err], scratch)
                except BaseException:
                    os.close(out)
                    os.close(err)
                    raise
        except (OSError, TimeoutError) as error:
            remove_files(scratch)
            raise AgentUnreachable("A process for this session cannot be started.") from error
        process.outputs = [asyncio.create_task(_forwarded(read, name, process.pid)) for name, read in outputs.items()]
        return process

    async def _ordered(self, order: ForkOrder, descriptors: list[int], scratch: Path) -> SessionProcess:
        if self.control is None:
            raise OSError("the warm process has ended")
        socket.send_fds(self.control, [msgspec.json.encode(order)], descriptors)
        data, received = await self._answer(self.control)
        report = msgspec.json.decode(data, type=ForkReport) if data else ForkReport(problem="it ended")
        if report.problem or not received:
            raise OSError(report.problem)
        process = SessionProcess(
            (report.pid, received[0]), scratch, Secret(order.secret), lambda pid: self.children.pop(pid, None)
        )
        self.children[report.pid] = process
        return process

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
        for process in list(self.children.values()):
            await process.kill()
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


def _resolve(readable: "asyncio.Future[None]") -> None:
    if not readable.done():
        readable.set_result(None)


async def _forwarded(descriptor: int, stream: str, pid: int) -> None:
    async with read_pipe(descriptor) as reader:
        await forward_output(reader, stream=stream, pid=pid)
