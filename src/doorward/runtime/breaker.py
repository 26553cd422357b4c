"""The breaker of the model: after failures in a row, calls are refused at once for a while; then one may probe.

It lives in the runtime, since sessions have processes of their own: they ask through the state service before each call
and report how it went. What a worker says is not to be trusted with others' turns: one owner alone can close the way
only for themselves.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

import structlog
from msgspec import Struct

from doorward.runtime.wire import ModelPermit
from doorward.telemetry.metrics import MODEL_BREAKER_OPEN, MODEL_FAILURES, MODEL_REFUSED

log = structlog.get_logger()

_MOST_OWNERS = 10_000
CODES = frozenset({"model_unavailable", "model_timeout", "model_garbled", "model_failed"})
# An answer, if only a refusal: the provider is there.
_ANSWERS = frozenset({"", "model_failed"})


class BreakerOptions(Struct, frozen=True, kw_only=True):
    """It opens after `failures` in a row, for `pause` seconds; then a probe has `probe_time` seconds to report."""

    failures: int
    pause: float
    probe_time: float


class _Circuit:
    """Closed, open until a time, or half open with one probe under way."""

    def __init__(self, options: BreakerOptions) -> None:
        self._options = options
        self.failures = 0
        self.open = False
        self._until = 0.0

    def waits(self, now: float) -> float:
        """Seconds until the next call may go; 0: now."""
        return max(0.0, self._until - now) if self.open else 0.0

    def probe(self, now: float) -> None:
        """A call goes out while it is open: no other does until that one has reported, or its time is over."""
        if self.open:
            self._until = now + self._options.probe_time

    def fail(self, now: float, failures: int) -> None:
        self.failures = failures
        if self.open or failures >= self._options.failures:
            self.open = True
            self._until = now + self._options.pause


class ModelBreaker:
    """A circuit for everybody and one for each owner with failures. Both must let a call go.

    INVARIANT: failures of one owner alone never open the circuit of everybody: each counts there for at most one less
    than it takes.
    """

    def __init__(self, options: BreakerOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._clock = clock
        self._all = _Circuit(options)
        self._own: OrderedDict[str, _Circuit] = OrderedDict()
        self._counted: dict[str, int] = {}
        MODEL_BREAKER_OPEN.set(0)

    def ask(self, owner: str) -> ModelPermit:
        """Whether this owner's call of the model may go. `watched`: its success is to be reported too."""
        now = self._clock()
        circuits = [self._all, *([self._own[owner]] if owner in self._own else [])]
        wait = max(circuit.waits(now) for circuit in circuits)
        if wait > 0:
            MODEL_REFUSED.inc()
            return ModelPermit(go=False)
        for circuit in circuits:
            circuit.probe(now)
        return ModelPermit(go=True, watched=bool(self._counted) or owner in self._own)

    def report(self, owner: str, code: str) -> None:
        """How a call went. A code that is none of ours counts as nothing."""
        if code in CODES:
            MODEL_FAILURES.labels(code).inc()
        if code in _ANSWERS:
            self._answered(owner)
        elif code in CODES:
            self._failed(owner)

    def _answered(self, owner: str) -> None:
        self._own.pop(owner, None)
        self._counted.clear()
        if self._all.open:
            log.info("model_breaker_closed")
        self._all = _Circuit(self._options)
        MODEL_BREAKER_OPEN.set(0)

    def _failed(self, owner: str) -> None:
        now = self._clock()
        own = self._own.setdefault(owner, _Circuit(self._options))
        self._own.move_to_end(owner)
        own.fail(now, own.failures + 1)
        if len(self._own) > _MOST_OWNERS:
            self._own.popitem(last=False)
        most = max(1, self._options.failures - 1)
        self._counted[owner] = min(most, self._counted.get(owner, 0) + 1)
        if len(self._counted) > _MOST_OWNERS:
            self._counted.clear()
        was_open = self._all.open
        if len(self._counted) > 1 or was_open:
            self._all.fail(now, sum(self._counted.values()))
        if self._all.open and not was_open:
            log.warning("model_breaker_open", seconds=self._options.pause)
        MODEL_BREAKER_OPEN.set(int(self._all.open))
