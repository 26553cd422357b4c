"""What a worker writes about failures: type, file and line of an error, never its text, which may hold a prompt.

Whoever hosts an agent sees in the log where it failed; the agent's own prints pass as they are.
"""

import asyncio
import io
import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any


def where(error: BaseException) -> str:
    """``ValueError at /srv/agent.py:12 in answer``: the innermost frame, and the cause's if there is one."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    cause = error.__cause__
    return f"{type(error).__name__}{place}" + (f", caused by {where(cause)}" if cause is not None else "")


def log_failure(error: BaseException) -> None:
    """Say on standard error that a run failed, and where."""
    sys.stderr.write(f"agent failed: {where(error)}\n")


class _PlaceFormatter(logging.Formatter):
    """One line a record; of an exception only its place."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            return f"{record.levelname} {record.name}: {where(error)}"
        return f"{record.levelname} {record.name}: {record.getMessage()}"


def quiet_process() -> None:
    """Route logging, uncaught errors and errors of threads through `where`; print lines as they come."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    handler = logging.StreamHandler()
    handler.setFormatter(_PlaceFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # The AgentCore SDK adds a handler that prints exception texts, unless its logger has one.
    sdk = logging.getLogger("bedrock_agentcore.app")
    sdk.addHandler(handler)
    sdk.setLevel(logging.WARNING)
    sdk.propagate = False
    sys.excepthook = _on_uncaught
    threading.excepthook = _on_thread


def quiet_loop(loop: asyncio.AbstractEventLoop) -> None:
    """The same for tasks whose errors nobody took."""
    loop.set_exception_handler(_on_loop)


def _on_uncaught(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
    log_failure(error)


def _on_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        log_failure(args.exc_value)


def _on_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(error, BaseException):
        log_failure(error)
