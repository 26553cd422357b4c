"""Tokens that were verified, so that the next request with one costs a hash instead of a signature.

The token verifier fills and asks it. It keeps hashes, never tokens, and forgets the least recently used.
"""

from collections import OrderedDict

from msgspec import Struct

from doorward.model.principals import User


class Verified(Struct, frozen=True, kw_only=True):
    """What a verification found: valid from `not_before` up to, not including, `not_after` (seconds since 1970), and
    only while the issuer's key set has this `digest`."""

    user: User
    not_before: float
    not_after: float
    digest: bytes


class VerifiedTokens:
    """A bounded LRU. A key is the fingerprint of the rules (issuer, audience and all else) plus the token's SHA-256.

    INVARIANT: an entry made under one rule is never found under another, so one cache may serve several verifiers.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        """`capacity` is in tokens; one takes about 1 kB."""
        self._capacity = capacity
        self._entries: OrderedDict[bytes, Verified] = OrderedDict()

    def get(self, key: bytes, *, now: float, digest: bytes) -> User | None:
        """The user, or None when the token is unknown, out of its time, or was verified with another key set."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.not_before <= now < entry.not_after and entry.digest == digest:
            self._entries.move_to_end(key)
            return entry.user
        del self._entries[key]
        return None

    def put(self, key: bytes, entry: Verified) -> None:
        """Keep an entry; the least recently used gives way."""
        self._entries[key] = entry
        self._entries.move_to_end(key)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)
