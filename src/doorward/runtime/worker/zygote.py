"""The warm process: has loaded the agent, and forks a process for each session that the runtime orders.

It runs no event loop and nothing of the agent's but what the file does while it is loaded. Whatever a session changes,
it changes in its own copy.
"""

import array
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from doorward.runtime.wire import MAX_ORDER, ForkOrder, ForkReport
from doorward.runtime.worker.confine.kernel import PR_SET_CHILD_SUBREAPER, machine, prctl
from doorward.runtime.worker.confine.session import confine
from doorward.runtime.worker.logs import log_failure

Serve = Callable[[str, socket.socket], int]
_DESCRIPTORS = 3


def fork_on_order(control: int, serve: Serve) -> None:
    """Answer orders until the runtime closes `control`. In a session's process `serve` gets its secret and its
    listening socket, and its result is the exit code; that process never returns from here."""
    if machine():
        prctl(PR_SET_CHILD_SUBREAPER, 1)  # what outlives a session comes here, where the runtime finds it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead; the runtime holds a pidfd of each
    with socket.socket(fileno=control) as orders:
        while True:
            data, descriptors, _, _ = socket.recv_fds(orders, MAX_ORDER, _DESCRIPTORS)
            if not data:
                return
            order = msgspec.json.decode(data, type=ForkOrder)
            _fork(order, descriptors, orders, serve)


def _fork(order: ForkOrder, descriptors: list[int], orders: socket.socket, serve: Serve) -> None:
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        _tell(orders, ForkReport(number=order.number, problem=error.strerror or "fork"), [])
    else:
        if pid == 0:
            orders.close()
            _become_session(order, descriptors, parent, serve)
        _report(order.number, pid, orders)
    for descriptor in descriptors:
        os.close(descriptor)


def _report(number: int, pid: int, orders: socket.socket) -> None:
    try:
        held = os.pidfd_open(pid)
    except OSError:  # it is gone already
        _tell(orders, ForkReport(number=number, problem="it ended at once"), [])
        return
    _tell(orders, ForkReport(number=number, pid=pid), [held])
    os.close(held)


def _tell(orders: socket.socket, report: ForkReport, descriptors: list[int]) -> None:
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    orders.sendmsg([msgspec.json.encode(report)], rights)


def _become_session(order: ForkOrder, descriptors: list[int], parent: int, serve: Serve) -> None:
    code = 1
    try:
        listener, out, err = descriptors
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (out, 1), (err, 2)):
            os.dup2(source, target)
        for descriptor in (nothing, out, err):
            os.close(descriptor)
        confine(order.confinement, Path(order.scratch), parent)
        code = serve(order.secret, socket.socket(fileno=listener))
    except BaseException as error:  # noqa: BLE001  # process edge: a forked process must not go on as its parent
        log_failure(error)
    finally:
        os._exit(code)
