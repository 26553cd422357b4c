"""One worker process: started with a scrubbed environment, told its secret over standard input, stopped for good.

The keeper starts it. Nothing of the parent's environment reaches it but what `scrubbed` lets through.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from doorward.errors import ConfigurationError
from doorward.http.client import Client, Origin
from doorward.model.secret import Secret
from doorward.model.settings import AgentSettings
from doorward.runtime.agent_file import AgentFile
from doorward.runtime.limits import limits_of
from doorward.runtime.output import forward_output
from doorward.runtime.wire import PING, WORKER_HEADER, WORKER_HOST, WorkerConfig, WorkerReport

log = structlog.get_logger()

START_SECONDS = 60.0
STOP_SECONDS = 3.0
PING_SECONDS = 5.0
MAX_PING_BYTES = 65_536
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


class WorkerProcess:
    """A running worker. `exchange` is the HTTP client of its socket; `secret` opens the worker;
    `suspect` is set when a connection to it broke."""

    def __init__(
        self, process: asyncio.subprocess.Process, scratch: Path, secret: Secret, tasks: list[asyncio.Task[None]]
    ) -> None:
        self.process = process
        self.secret = secret
        self.suspect = False
        self.socket_path = socket_of(scratch)
        self.exchange = Client(Origin(unix=self.socket_path), connect_timeout=PING_SECONDS, keep_alive=300.0)
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

    async def ping(self) -> dict[str, object] | None:
        """What the agent says of its health (C1), or None when it does not answer."""
        try:
            headers = [("host", WORKER_HOST), (WORKER_HEADER, self.secret.reveal())]
            response = await self.exchange.send("GET", PING, headers, timeout=PING_SECONDS)
            body = await response.up_to(MAX_PING_BYTES)
            return msgspec.json.decode(body, type=dict[str, object]) if response.status == HTTPStatus.OK else None
        except (OSError, msgspec.DecodeError):
            return None

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
        self._remove_files()

    def _remove_files(self) -> None:
        Path(self.socket_path).unlink(missing_ok=True)
        shutil.rmtree(self._scratch, ignore_errors=True)


async def start_worker(plan: WorkerPlan) -> WorkerProcess:
    """Start a worker and wait until it answers. `ConfigurationError` says file, line and message when it cannot."""
    scratch = plan.folder / secrets.token_hex(4)
    scratch.mkdir(mode=0o700)
    secret = Secret(secrets.token_urlsafe(32))
    read_end, write_end = os.pipe()
    try:
        process = await _spawn(plan, scratch, write_end)
    except OSError as error:
        os.close(read_end)
        raise ConfigurationError(f"The worker process cannot be started: {error.strerror}.") from error
    finally:
        os.close(write_end)
    worker = WorkerProcess(process, scratch, secret, _forwarders(process))
    try:
        await _introduce(worker, plan, secret, write_end)
        _check_report(await _report(read_end), plan)
        _check_ping(await worker.ping(), plan)
    except BaseException:
        await worker.stop()
        raise
    log.info("worker_started", pid=worker.pid, agent=plan.settings.name)
    return worker


async def _spawn(plan: WorkerPlan, scratch: Path, report: int) -> asyncio.subprocess.Process:
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
        pass_fds=(report,),
    )


def _forwarders(process: asyncio.subprocess.Process) -> list[asyncio.Task[None]]:
    streams = (("stdout", process.stdout), ("stderr", process.stderr))
    return [
        asyncio.create_task(forward_output(reader, stream=name, pid=process.pid))
        for name, reader in streams
        if reader is not None
    ]


async def _introduce(worker: WorkerProcess, plan: WorkerPlan, secret: Secret, report: int) -> None:
    config = WorkerConfig(
        secret=secret.reveal(),
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
    )
    if worker.process.stdin is None:
        raise ConfigurationError("The worker process has no standard input.")
    worker.process.stdin.write(msgspec.json.encode(config) + b"\n")
    with contextlib.suppress(ConnectionError):
        await worker.process.stdin.drain()


async def _report(descriptor: int) -> WorkerReport:
    """The worker's one line; an empty report when it ended without a word."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await reader.readline()
    except TimeoutError:
        raise ConfigurationError(f"The agent was not loaded within {START_SECONDS:.0f} seconds.") from None
    finally:
        transport.close()
    return msgspec.json.decode(line, type=WorkerReport) if line else WorkerReport(kind="WorkerDied")


def _check_report(report: WorkerReport, plan: WorkerPlan) -> None:
    if report.ready:
        return
    if report.kind == "WorkerDied":
        raise ConfigurationError(
            f"The worker process ended while it loaded {plan.file.path}; see its output in the log."
        )
    where = f"{report.file}, line {report.line}" if report.line else report.file
    raise ConfigurationError(f"The agent cannot be loaded: {where}: {report.kind}: {report.message}")


def _check_ping(health: dict[str, object] | None, plan: WorkerPlan) -> None:
    if health is None:
        raise ConfigurationError(f"The agent {plan.file.path} does not answer GET /ping.")
