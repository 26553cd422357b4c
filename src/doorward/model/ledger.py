"""An entry of the ledger, as plain data."""

from msgspec import Struct


class LedgerEntry(Struct, frozen=True, kw_only=True):
    """One verdict of one door. No tokens, no message text: ids, names and codes only.

    `principal` is who knocked, `on_behalf_of` the user it was for, `action` what (``POST /api/chat``,
    ``InvokeAgentRuntime``), `resource` on what, `verdict` is ``allow``, ``deny`` or ``ask``, `code` the stable reason.
    """

    door: str
    verdict: str
    code: str
    principal: str = ""
    on_behalf_of: str = ""
    action: str = ""
    resource: str = ""
    request_id: str = ""
    turn_id: str = ""
    at: float = 0.0


class ChainedEntry(Struct, frozen=True, kw_only=True):
    """An entry in its place: `sequence` counts from 1, `hash` is SHA-256 over the previous hash and this entry."""

    sequence: int
    entry: LedgerEntry
    hash: bytes


class ChainFault(Struct, frozen=True, kw_only=True):
    """The first entry at which a chain does not verify, and why."""

    sequence: int
    reason: str
