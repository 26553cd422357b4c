"""``python -m doorward.runtime.worker``: reads its configuration from standard input, loads the agent, serves it.

Started by the runtime host and by nobody else; it ends when its parent ends.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

import msgspec
import uvloop

from doorward.runtime.sockets import EmbeddedServer, listen
from doorward.runtime.wire import WorkerConfig, WorkerReport
from doorward.runtime.worker.adapter import serves_itself
from doorward.runtime.worker.adapters import adapter_for
from doorward.runtime.worker.agent_error import AgentFileError
from doorward.runtime.worker.confine.kernel import PR_SET_PDEATHSIG, prctl
from doorward.runtime.worker.load import load_agent
from doorward.runtime.worker.logs import log_failure, quiet_loop, quiet_process
from doorward.runtime.worker.serve import Shim
from doorward.runtime.worker.titles import Titles
from doorward.runtime.worker.zygote import fork_on_order


def main() -> None:
    """Run until told to stop. A file that cannot be hosted is reported to the parent, with exit code 1."""
    config = msgspec.json.decode(sys.stdin.buffer.readline(), type=WorkerConfig)
    _die_with(config)
    quiet_process()
    threads = threading.active_count()
    try:
        shim = _shim(config)
    except AgentFileError as error:
        _report(config, WorkerReport(kind=error.kind, file=error.file, line=error.line, message=error.message))
        os._exit(1)
    # Modules live as long as the process: the garbage collector need not walk them again and again.
    gc.collect()
    gc.freeze()
    if config.control >= 0:
        _report(config, WorkerReport(ready=True, threads=threading.active_count() - threads))
        fork_on_order(config.control, lambda secret, listener: _session(shim, secret, listener))
        os._exit(0)
    code = _run(shim, listen(config.socket), on_ready=lambda: _report(config, WorkerReport(ready=True)))
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: a thread of the agent that does not end must not keep the process.
    os._exit(code)


def _session(shim: Shim, secret: str, listener: socket.socket) -> int:
    """Serve one session in a process that was forked for it."""
    code = _run(Shim(shim.agent, shim.titles, secret), listener)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _run(shim: Shim, listener: socket.socket, *, on_ready: Callable[[], None] | None = None) -> int:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(shim, listener, on_ready))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # process edge
        log_failure(error)
        return 1
    return 0


def _shim(config: WorkerConfig) -> Shim:
    agent = load_agent(config.file, config.attribute)
    return Shim(adapter_for(agent, config), Titles(config), config.secret)


async def _serve(shim: Shim, listener: socket.socket, on_ready: Callable[[], None] | None) -> None:
    quiet_loop(asyncio.get_running_loop())
    server = EmbeddedServer(shim, lifespan=serves_itself(shim.agent), on_ready=on_ready)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, setattr, server, "should_exit", True)
    await server.serve(sockets=[listener])


def _report(config: WorkerConfig, report: WorkerReport) -> None:
    os.write(config.report, msgspec.json.encode(report) + b"\n")
    os.close(config.report)


def _die_with(config: WorkerConfig) -> None:
    """INVARIANT: a worker does not outlive its runtime: the kernel kills it (Linux), and standard input ends."""
    if sys.platform == "linux":
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != config.parent:
        os._exit(1)
    if config.control >= 0:  # has no thread when it forks; the end of `control` tells it the same
        return
    threading.Thread(target=_watch_input, daemon=True, name="doorward-parent-watch").start()


def _watch_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
