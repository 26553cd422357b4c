"""Opaque cursors that only this house could have made, each bound to its owner and its list.

The store's pages call it. Refuses a cursor that was edited, made for another owner, another conversation or another
search (AP-SES-03): `InvalidInput` with code ``invalid_cursor``.
"""

import base64
import hashlib
import hmac

import msgspec

from doorward.errors import InvalidInput

_MAC_BYTES = 16
_LONGEST = 512


class Place(msgspec.Struct, frozen=True, array_like=True):
    """A place in a list: between rows, on the far side of (`order`, `key`), or of `name` where names are the order.
    `backwards` reads towards the start."""

    order: float
    key: int
    backwards: bool = False
    name: str = ""


class Cursors:
    """Makes and reads cursors with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._decode = msgspec.msgpack.Decoder(Place).decode

    def make(self, place: Place, *scope: str) -> str:
        """A cursor for this place of the list that `scope` names (kind, owner, ...)."""
        # As a float also when it is a whole number: `read` makes the cursor anew, and it must be the same.
        named = (place.name,) if place.name else ()
        body = msgspec.msgpack.encode((float(place.order), place.key, place.backwards, *named))
        return base64.urlsafe_b64encode(self._mac(body, scope) + body).rstrip(b"=").decode("ascii")

    def read(self, cursor: str, *scope: str) -> Place:
        """The place in it. Raises `InvalidInput` (``invalid_cursor``)."""
        try:
            text = cursor[:_LONGEST].encode("ascii")
            raw = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
            place = self._decode(raw[_MAC_BYTES:])
        except (ValueError, msgspec.DecodeError):
            raise _foreign() from None
        # Made anew and compared as a whole: one place has one spelling.
        if not hmac.compare_digest(self.make(place, *scope).encode(), cursor.encode("utf-8", "replace")):
            raise _foreign()
        return place

    def _mac(self, body: bytes, scope: tuple[str, ...]) -> bytes:
        # Length-prefixed parts: no two scopes can be spelled the same.
        message = msgspec.msgpack.encode(scope) + body
        return hmac.digest(self._key, message, hashlib.sha256)[:_MAC_BYTES]


def _foreign() -> InvalidInput:
    return InvalidInput("This cursor does not belong to this list.", code="invalid_cursor")
