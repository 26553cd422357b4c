"""Writes this door's verdicts to the ledger. Endpoints call it before the effect; it never takes what a user typed."""

from doorward.http.request import Request
from doorward.model.ledger import LedgerEntry
from doorward.ports.clock import Clock
from doorward.ports.ledger import Ledger


class Verdicts:
    """One entry for each verdict, door ``sign_in``. `StoreUnavailable` when the ledger takes nothing: fails closed.

    INVARIANT: the principal is a subject or empty. A name typed into the form is not recorded, since people type
    passwords there; the resource is the id of a registered client or empty.
    """

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def allow(self, request: Request, action: str, *, subject: str, client_id: str = "", code: str = "allowed") -> None:
        """Queue an ``allow``; the effect's own write in the same store makes it durable."""
        self._ledger.enqueue(
            LedgerEntry(
                door="sign_in",
                verdict="allow",
                code=code,
                principal=subject,
                action=action,
                resource=client_id,
                request_id=request.id,
                at=self._clock(),
            )
        )

    def deny(self, request: Request, action: str, code: str, *, client_id: str = "") -> None:
        """Queue a ``deny`` with its stable code."""
        self._ledger.enqueue(
            LedgerEntry(
                door="sign_in",
                verdict="deny",
                code=code,
                action=action,
                resource=client_id,
                request_id=request.id,
                at=self._clock(),
            )
        )
