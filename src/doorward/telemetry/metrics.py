"""The metrics of a process, in Prometheus' terms. Labels have few values: never a user, an id or a raw path."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

VERDICTS = Counter("doorward_verdicts", "Verdicts of the doors.", ["door", "verdict", "code"], registry=REGISTRY)
REQUESTS = Histogram(
    "doorward_request_seconds",
    "Time from the request's headers to the end of its answer.",
    ["door", "route", "status"],
    registry=REGISTRY,
    buckets=_SECONDS,
)
TURNS = Counter("doorward_turns", "Turns by outcome.", ["status"], registry=REGISTRY)
TURN_SECONDS = Histogram("doorward_turn_seconds", "Length of a turn.", registry=REGISTRY, buckets=_SECONDS)
FIRST_EVENT_SECONDS = Histogram(
    "doorward_first_event_seconds",
    "Time from a turn's start to the first event of the agent.",
    registry=REGISTRY,
    buckets=_SECONDS,
)
ACTIVE_TURNS = Gauge("doorward_active_turns", "Turns that run now.", registry=REGISTRY)
OPEN_STREAMS = Gauge("doorward_open_streams", "Event streams that are open now.", registry=REGISTRY)
TOKENS = Counter("doorward_tokens", "Tokens that models reported.", ["direction"], registry=REGISTRY)
AGENT_RUNS = Counter("doorward_agent_runs", "Invocations that reached a worker.", ["agent"], registry=REGISTRY)
MODEL_FAILURES = Counter(
    "doorward_model_failures", "Attempts of calls of the model that failed.", ["code"], registry=REGISTRY
)
MODEL_REFUSED = Counter("doorward_model_refused", "Calls of the model that its breaker refused.", registry=REGISTRY)
MODEL_BREAKER_OPEN = Gauge(
    "doorward_model_breaker_open", "1 while calls of the model are refused for everybody.", registry=REGISTRY
)
SESSIONS_ALIVE = Gauge("doorward_sessions_alive", "Sessions that have a process of their own.", registry=REGISTRY)
SESSIONS_ENDED = Counter(
    "doorward_sessions_over_limit", "Sessions that were ended for what they took.", ["limit"], registry=REGISTRY
)
WORKER_RESTARTS = Counter("doorward_worker_restarts", "Workers that were started again.", registry=REGISTRY)


def count_verdict(door: str, verdict: str, code: str) -> None:
    """One verdict of a door. `code` is one of the stable codes."""
    _verdicts(door, verdict, code).inc()


def observe_request(door: str, route: str, status: int, seconds: float) -> None:
    """One answered request. `route` is a template or the name of an operation, never a path as it was sent."""
    _requests(door, route, status).observe(seconds)


@cache  # finding the child of a metric costs more than bumping it
def _verdicts(door: str, verdict: str, code: str) -> Counter:
    return VERDICTS.labels(door, verdict, code)


@cache
def _requests(door: str, route: str, status: int) -> Histogram:
    return REQUESTS.labels(door, route, str(status))
