"""An answer that is told again from its beginning, to a log that holds a part of it. Pure; called by `sources`."""

from collections.abc import Sequence

import msgspec

from doorward.services.chat.decode import AnswerDecoder

_PLAIN = "text/plain"


class _Told(msgspec.Struct, gc=False):
    type: str = ""
    messageId: str = ""  # noqa: N815 - the name on the wire
    delta: str = ""


_read = msgspec.json.Decoder(_Told).decode


class Replay:
    """Leaves out what `log` holds: the events of the answer so far, without the one that opens the turn.

    Events of a stream or a document are the same each time, so they are counted. Plain text has no such seams: it is
    cut as it arrives, so its characters are counted.
    INVARIANT: the log followed by all that `rest` gives is the log of a turn that was never interrupted, except for
    where plain text is cut.
    """

    def __init__(self, log: Sequence[bytes], content_type: str) -> None:
        plain = content_type.partition(";")[0].strip().lower() == _PLAIN
        self._events = 0 if plain else len(log)
        self._opened = plain and bool(log)
        self._characters = sum(len(_read(event).delta) for event in log) if plain else 0

    @property
    def behind(self) -> bool:
        """Whether the log still holds more than was told."""
        return bool(self._events or self._opened or self._characters)

    def rest(self, events: list[bytes]) -> list[bytes]:
        """Those of the next `events` that the log does not hold."""
        if not self.behind:
            return events
        if self._events:
            known = min(self._events, len(events))
            self._events -= known
            return events[known:]
        return [piece for event in events if (piece := self._text(event))]

    def _text(self, event: bytes) -> bytes:
        told = _read(event)
        if self._opened and told.type == "TEXT_MESSAGE_START":
            self._opened = False
            return b""
        if not self._characters or told.type != "TEXT_MESSAGE_CONTENT":
            return event
        known = min(self._characters, len(told.delta))
        self._characters -= known
        left = told.delta[known:]
        return msgspec.json.encode(_Told(type=told.type, messageId=told.messageId, delta=left)) if left else b""


def decoded(log: Sequence[bytes], message_id: str) -> AnswerDecoder:
    """A decoder that stands where the log ends: its text, its usage, and what is still open in it."""
    decoder = AnswerDecoder("text/event-stream", message_id, max_bytes=sum(map(len, log)) + 1)
    for event in log:
        decoder.feed(b"data: " + event + b"\n\n")
    return decoder
