"""What every door asks of the ledger."""

from typing import Protocol

from doorward.model.ledger import ChainedEntry, ChainFault, LedgerEntry


class Ledger(Protocol):
    """Append-only, tamper-evident. Fails closed: what cannot be recorded is not allowed.

    The order of calls is the order of commits: an entry enqueued before another write of the same store is durable no
    later than that write. So a door enqueues its verdict first and the effect's own durable write carries it.
    """

    def enqueue(self, entry: LedgerEntry) -> None:
        """Queue an entry for the next group commit, without waiting. Raises `StoreUnavailable` when the last commit
        failed or the queue is full."""
        ...

    async def append(self, entry: LedgerEntry) -> int:
        """As `enqueue`, and wait until it is durable. Returns its sequence number."""
        ...

    async def entries(self, *, after: int = 0, limit: int = 100) -> list[ChainedEntry]:
        """Entries with a sequence greater than `after`, ascending."""
        ...

    async def verify(self) -> ChainFault | None:
        """Walk the whole chain. None when it holds, else the first bad entry."""
        ...
