"""Traces by OpenTelemetry, sent by OTLP/HTTP. Loaded only when a collector is configured."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
# Seconds for one sending with its retries: a collector that is down must not hold up the end of the process.
_PATIENCE = 2


class OtlpTracer:
    """Fulfils `doorward.telemetry.traces.Tracer`. `process` becomes the service's name."""

    def __init__(self, process: str, endpoint: str) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": f"doorward-{process}"}))
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_PATIENCE)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
        self._tracer = self._provider.get_tracer("doorward")

    @contextmanager
    def span(self, name: str, *, parent: str | None, attributes: Mapping[str, str]) -> Iterator[None]:
        """A span around a block, under `parent` or the current one."""
        context = _PROPAGATOR.extract({"traceparent": parent}) if parent else None
        with self._tracer.start_as_current_span(
            name, context=context, attributes=dict(attributes), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException:
                # INVARIANT: never with the error's text, which may hold what somebody wrote.
                span.set_status(trace.StatusCode.ERROR)
                raise

    def traceparent(self) -> str | None:
        """The current span as a header."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, trace.set_span_in_context(trace.get_current_span()))
        return carrier.get("traceparent")

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()
