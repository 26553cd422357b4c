"""Events of one append as bytes, the same in every engine. Pure."""

from collections.abc import Sequence

import msgspec

from doorward.errors import InvalidInput
from doorward.model.chat import TurnEvent

# No batch holds a later event.
LAST_EVENT = (1 << 24) - 1
_unpack = msgspec.msgpack.Decoder(list[bytes]).decode


def packed(events: Sequence[TurnEvent]) -> bytes:
    """Raises `InvalidInput` when they are not numbered one after the other."""
    if any(event.sequence != sequence for sequence, event in enumerate(events, events[0].sequence if events else 1)):
        raise InvalidInput("Events are numbered without gaps.", code="event_out_of_order")
    return msgspec.msgpack.encode([event.data for event in events])


def unpacked(first: int, data: bytes) -> list[TurnEvent]:
    """The events again, numbered from `first`."""
    return [TurnEvent(sequence, event) for sequence, event in enumerate(_unpack(data), first)]
