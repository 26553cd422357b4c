"""The ledger as lines of a log, for functions: each process writes a chain of its own, one JSON object a line.

Lambda hands standard output on to CloudWatch Logs, which nobody of the house may write to otherwise. Each line has its
place and hash, so that a line that was changed, moved or taken out shows (`ledger.chain.verify_chain`); the end of a
chain that was cut off does not, since a function ends without a word.
"""

import secrets
from collections.abc import Callable

import msgspec

from doorward.errors import StoreUnavailable
from doorward.ledger.chain import GENESIS, next_hash, seal
from doorward.model.ledger import ChainedEntry, ChainFault, LedgerEntry

Write = Callable[[str], object]


class LineLedger:
    """Fulfils `ports.ledger.Ledger`, as far as a log can: it is written here and read elsewhere. Fails closed."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._chain = secrets.token_hex(16)
        self._sequence = 0
        self._hash = GENESIS

    def enqueue(self, entry: LedgerEntry) -> None:
        sealed = seal(entry)
        digest = next_hash(self._hash, self._sequence + 1, sealed)
        place = {
            "chain": self._chain,
            "sequence": self._sequence + 1,
            "hash": digest.hex(),
            "entry": msgspec.Raw(sealed),
        }
        try:
            self._write(msgspec.json.encode({"ledger": place}).decode("ascii") + "\n")
        except OSError as error:
            raise StoreUnavailable("The ledger cannot be written.") from error
        self._sequence += 1
        self._hash = digest

    async def append(self, entry: LedgerEntry) -> int:
        self.enqueue(entry)
        return self._sequence

    async def entries(self, *, after: int = 0, limit: int = 100) -> list[ChainedEntry]:
        """They are in the log: always `StoreUnavailable`."""
        raise StoreUnavailable(f"The ledger's lines are read from the log (after {after}, at most {limit}).")

    async def verify(self) -> ChainFault | None:
        """As `entries`."""
        raise StoreUnavailable("The ledger's lines are verified where the log is.")
