"""One worker process: started with a scrubbed environment, told its secret over standard input, stopped for good.

The keeper starts it. Nothing of the parent's environment reaches it but what `scrubbed` lets through.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog
from msgspec import Struct

from doorward.errors import ConfigurationError
from doorward.model.secret import Secret
from doorward.model.settings import AgentSettings
from doorward.runtime.agent_file import AgentFile
from doorward.runtime.connection import Connection
from doorward.runtime.limits import limits_of
from doorward.runtime.output import forward_output, read_pipe
from doorward.runtime.removal import remove
from doorward.runtime.wire import WorkerConfig, WorkerReport

log = structlog.get_logger()

_MISSING = (
    ". Install what the agent imports beside Doorward; pip install 'doorward[langgraph]' has LangGraph and LangChain."
)
START_SECONDS = 60.0
STOP_SECONDS = 3.0
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ")
MODEL_KEY = "OPENAI_API_KEY"


class WorkerPlan(Struct, frozen=True, kw_only=True):
    """All that is needed to start a worker. `folder` is private to this runtime and holds sockets and scratch space."""

    settings: AgentSettings
    file: AgentFile
    environment: Mapping[str, str]
    folder: Path
    state_socket: str


def scrubbed(plan: WorkerPlan, scratch: Path) -> dict[str, str]:
    """INVARIANT: a worker sees PATH, LANG, LC_ALL, TZ, its scratch folder and what ``agent.pass_environment`` names."""
    names = (*KEPT_VARIABLES, *plan.settings.pass_environment)
    kept = {name: plan.environment[name] for name in names if name in plan.environment}
    return {"HOME": str(scratch), "TMPDIR": str(scratch), **kept}


def socket_of(scratch: Path) -> str:
    """Where a worker with this scratch folder listens: beside it, so that the path stays short."""
    return f"{scratch}.sock"


def remove_files(scratch: Path) -> bool:
    """Remove a scratch folder, and the socket beside it. False when something is left of it."""
    Path(socket_of(scratch)).unlink(missing_ok=True)
    return remove(scratch)


class WorkerProcess(Connection):
    """A running worker that this process started."""

    def __init__(
        self, process: asyncio.subprocess.Process, scratch: Path, secret: Secret, tasks: list[asyncio.Task[None]]
    ) -> None:
        super().__init__(socket_of(scratch), secret)
        self.process = process
        self._scratch = scratch
        self._tasks = tasks

    @property
    def pid(self) -> int:
        """Its process id, which is also the id of its process group."""
        return self.process.pid

    def alive(self) -> bool:
        """Whether it has not ended, asked of the kernel: the event loop may not have heard of the end yet."""
        if self.process.returncode is not None:
            return False
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    async def stop(self) -> None:
        """Ask it to end, wait a little, then kill its whole process group and forget its socket."""
        self.exchange.close()
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self.process.wait()
        await self.clean_up()

    def kill(self) -> None:
        """End it and its children at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def clean_up(self) -> None:
        """What is left after the end, however it came: children of the worker, tasks, connections, files."""
        self.kill()
        await self.process.wait()
        self.exchange.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.process.stdin is not None:
            self.process.stdin.close()
        remove_files(self._scratch)


W = TypeVar("W", bound=WorkerProcess)


async def start_worker(plan: WorkerPlan) -> WorkerProcess:
    """Start a worker and wait until it answers. `ConfigurationError` says file, line and message when it cannot."""
    worker, _ = await launch(plan, WorkerProcess)
    try:
        _check_ping(await worker.ping(), plan)
    except BaseException:
        await worker.stop()
        raise
    log.info("worker_started", pid=worker.pid, agent=plan.settings.name)
    return worker


async def launch(plan: WorkerPlan, kind: Callable[..., W], *, control: int = -1) -> tuple[W, WorkerReport]:
    """Start the process of a worker and wait for its report, which is ready. Raises `ConfigurationError`."""
    scratch = plan.folder / secrets.token_hex(4)
    scratch.mkdir(mode=0o700)
    secret = Secret(secrets.token_urlsafe(32))
    read_end, write_end = os.pipe()
    try:
        process = await _spawn(plan, scratch, [write_end, *([control] if control >= 0 else [])])
    except OSError as error:
        os.close(read_end)
        raise ConfigurationError(f"The worker process cannot be started: {error.strerror}.") from error
    finally:
        os.close(write_end)
    worker = kind(process, scratch, secret, _forwarders(process))
    try:
        await _introduce(worker, plan, write_end, control)
        report = await _report(read_end)
        _check_report(report, plan)
    except BaseException:
        await worker.stop()
        raise
    return worker, report


async def _spawn(plan: WorkerPlan, scratch: Path, descriptors: list[int]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "doorward.runtime.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=scrubbed(plan, scratch),
        cwd=scratch,
        start_new_session=True,
        pass_fds=descriptors,
    )


def _forwarders(process: asyncio.subprocess.Process) -> list[asyncio.Task[None]]:
    streams = (("stdout", process.stdout), ("stderr", process.stderr))
    return [
        asyncio.create_task(forward_output(reader, stream=name, pid=process.pid))
        for name, reader in streams
        if reader is not None
    ]


async def _introduce(worker: WorkerProcess, plan: WorkerPlan, report: int, control: int) -> None:
    config = WorkerConfig(
        secret=worker.secret.reveal(),
        socket=worker.socket_path,
        state_socket=plan.state_socket,
        report=report,
        parent=os.getpid(),
        file=str(plan.file.path),
        attribute=plan.file.attribute,
        model=plan.settings.model,
        model_url=plan.settings.model_url,
        model_key=MODEL_KEY in plan.settings.pass_environment and MODEL_KEY in plan.environment,
        limits=limits_of(plan.settings),
        control=control,
    )
    if worker.process.stdin is None:
        raise ConfigurationError("The worker process has no standard input.")
    worker.process.stdin.write(msgspec.json.encode(config) + b"\n")
    with contextlib.suppress(ConnectionError):
        await worker.process.stdin.drain()


async def _report(descriptor: int) -> WorkerReport:
    """The worker's one line; an empty report when it ended without a word."""
    async with read_pipe(descriptor) as reader:
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await reader.readline()
        except TimeoutError:
            raise ConfigurationError(f"The agent was not loaded within {START_SECONDS:.0f} seconds.") from None
    return msgspec.json.decode(line, type=WorkerReport) if line else WorkerReport(kind="WorkerDied")


def _check_report(report: WorkerReport, plan: WorkerPlan) -> None:
    if report.ready:
        return
    if report.kind == "WorkerDied":
        raise ConfigurationError(
            f"The worker process ended while it loaded {plan.file.path}; see its output in the log."
        )
    where = f"{report.file}, line {report.line}" if report.line else report.file
    way_out = _MISSING if report.kind == "ModuleNotFoundError" else ""
    raise ConfigurationError(f"The agent cannot be loaded: {where}: {report.kind}: {report.message}{way_out}")


def _check_ping(health: dict[str, object] | None, plan: WorkerPlan) -> None:
    if health is None:
        raise ConfigurationError(f"The agent {plan.file.path} does not answer GET /ping.")
