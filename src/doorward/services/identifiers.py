"""Makes ids. Used by the chat and relay services."""

import os
import re
import uuid

from doorward.errors import InvalidInput

# The format that every AgentCore API takes: 33-100 characters.
_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{32,99}")


def sortable_id(now: float) -> str:
    """A UUID of version 7 (RFC 9562, section 5.7): sorts by time (`now`, seconds since 1970), 74 random bits."""
    random = int.from_bytes(os.urandom(10))
    value = (int(now * 1000) & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & (2**62 - 1)
    return str(uuid.UUID(int=value))


def session_id_or_new(proposed: str | None) -> str:
    """A new session id (UUID version 4, 36 characters) for None. Raises `InvalidInput` (``invalid_session_id``)."""
    if proposed is None:
        return str(uuid.uuid4())
    if _SESSION_ID.fullmatch(proposed) is None:
        raise InvalidInput(
            "A session id has 33 to 100 letters, digits and hyphens, and begins with a letter or digit.",
            code="invalid_session_id",
        )
    return proposed
