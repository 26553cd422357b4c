"""Structured logs. Fields whose names speak of secrets or text are starred, whatever they hold."""

import contextlib
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_WITHHELD = re.compile(
    r"(authorization|cookie|token|secret|password|credential|prompt|message|content|payload|body)$", re.IGNORECASE
)


def withhold(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Star every field that by its name could hold a secret or what somebody wrote."""
    for name in event:
        if _WITHHELD.search(name):
            event[name] = "**********"
    return event


class _Logger(structlog.PrintLogger):
    """INVARIANT: a line that cannot be written (the log's disk is full, its reader has gone) decides no request."""

    def msg(self, message: str) -> None:
        """Print it, or lose it."""
        with contextlib.suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


def configure_logs(process: str, *, level: str, as_json: bool) -> None:
    """Send this process's logs to stderr, with the process's name on each line."""
    # Plain tracebacks, also where rich is installed: rich prints variables, and tokens and messages are among them.
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            withhold,
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: _Logger(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format=f"%(levelname)s {process} %(name)s %(message)s"
    )
