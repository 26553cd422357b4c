"""Makes ids. Used by the chat and relay services, on the event loop's thread only."""

import os
import re
import uuid

from doorward.errors import InvalidInput

# The format that every AgentCore API takes: 33-100 characters.
_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{32,99}")


class _Randomness:
    """Bytes of the system's generator, drawn in blocks: a call of the system for each id is most of what an id costs.

    No byte is used twice, nor in two processes: a forked child draws anew.
    """

    def __init__(self) -> None:
        self._block = b""
        os.register_at_fork(after_in_child=self._forget)

    def take(self, count: int) -> bytes:
        """The next `count` bytes (at most 64)."""
        if len(self._block) < count:
            self._block = os.urandom(_BLOCK)
        taken, self._block = self._block[:count], self._block[count:]
        return taken

    def _forget(self) -> None:
        self._block = b""


_BLOCK = 1024
_randomness = _Randomness()


def sortable_id(now: float) -> str:
    """A UUID of version 7 (RFC 9562, section 5.7): sorts by time (`now`, seconds since 1970), 74 random bits."""
    random = int.from_bytes(_randomness.take(10))
    value = (int(now * 1000) & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & (2**62 - 1)
    return str(uuid.UUID(int=value))


def session_id_or_new(proposed: str | None) -> str:
    """A new session id (UUID version 4, 36 characters) for None. Raises `InvalidInput` (``invalid_session_id``)."""
    if proposed is None:
        return str(uuid.UUID(bytes=_randomness.take(16), version=4))
    if _SESSION_ID.fullmatch(proposed) is None:
        raise InvalidInput(
            "A session id has 33 to 100 letters, digits and hyphens, and begins with a letter or digit.",
            code="invalid_session_id",
        )
    return proposed
