"""Writes the front door's verdicts to the ledger. Ids and codes only: no path as it was sent, no token, no text."""

import re

import structlog

from doorward.errors import StoreUnavailable
from doorward.front_door.visit import Visit
from doorward.http.addresses import bucket
from doorward.http.limiter import RateLimiter
from doorward.model.ledger import LedgerEntry
from doorward.model.settings import FrontDoorSettings
from doorward.model.verdicts import Allow, Deny
from doorward.ports.clock import Clock
from doorward.ports.ledger import Ledger
from doorward.telemetry.metrics import count_verdict

_log = structlog.get_logger()
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")


class Recorder:
    """One entry per verdict of a route that is `recorded`, and of every path that is unknown.

    The entry is enqueued before the handler runs, so nothing that the handler makes durable outlives it. When it
    cannot be, what would change something is refused (`StoreUnavailable`); reading and refusing go on, and are logged.

    Refusals of strangers are recorded up to the limit per address and window: knocking must not fill the disk.
    """

    def __init__(self, ledger: Ledger, clock: Clock, settings: FrontDoorSettings) -> None:
        self._ledger = ledger
        self._clock = clock
        self._strangers = RateLimiter(settings.address_requests, settings.address_window)

    def record(self, visit: Visit, verdict: Allow | Deny) -> None:
        """Enqueue the entry. INVARIANT: without it, no method that changes something is allowed."""
        denied, code = isinstance(verdict, Deny), verdict.code if isinstance(verdict, Deny) else verdict.reason
        count_verdict("front_door", "deny" if denied else "allow", code)
        if visit.preflight or (visit.route is not None and not visit.route.recorded):
            return
        if denied and not visit.user_key and not self._strangers.admit(bucket(visit.address)).admitted:
            return
        entry = LedgerEntry(
            door="front_door",
            verdict="deny" if denied else "allow",
            code=code,
            principal=visit.user_key,
            action=visit.action,
            resource=_resource(visit),
            request_id=visit.id,
            at=self._clock(),
        )
        try:
            self._ledger.enqueue(entry)
        except StoreUnavailable:
            _log.warning("verdict_not_recorded", request_id=visit.id, action=visit.action, code=entry.code)
            if not denied and visit.method not in _SAFE:
                raise


def _resource(visit: Visit) -> str:
    """The ids in the path, of callers that are known. What does not look like an id is not recorded: anything can stand
    in a path, a token too."""
    if not visit.user_key:
        return ""
    return "/".join(value if _ID.fullmatch(value) else "(malformed)" for value in visit.params.values())
