"""The trace context (W3C traceparent) that travels with a request, and the seam for a tracer. Without one: nothing."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Tracer(Protocol):
    """Makes spans. `compose.tracing` has the one that speaks OpenTelemetry."""

    def span(self, name: str, *, parent: str | None, attributes: Mapping[str, str]) -> AbstractContextManager[None]:
        """A span around a block; `parent` is a traceparent header or None for the current span."""
        ...

    def traceparent(self) -> str | None:
        """The current span as a traceparent header."""
        ...


class NoTracer:
    """Makes no spans."""

    @contextmanager
    def span(self, name: str, *, parent: str | None, attributes: Mapping[str, str]) -> Iterator[None]:  # noqa: ARG002 - the seam's signature
        """Do nothing."""
        yield

    def traceparent(self) -> str | None:
        """There is none."""
        return None


_tracer: Tracer = NoTracer()


def use_tracer(tracer: Tracer) -> None:
    """Install the tracer of this process, once, at start-up."""
    global _tracer  # noqa: PLW0603 - one tracer a process, set by compose before any request
    _tracer = tracer


def tracing() -> bool:
    """Whether there is a tracer: without one, nothing needs to be wrapped."""
    return not isinstance(_tracer, NoTracer)


def span(
    name: str, *, parent: str | None = None, attributes: Mapping[str, str] | None = None
) -> AbstractContextManager[None]:
    """A span of the installed tracer. Attributes are ids and codes, never text."""
    return _tracer.span(name, parent=parent, attributes=attributes or {})


def traceparent() -> str | None:
    """The current span as a traceparent header, or None."""
    return _tracer.traceparent()
