"""Reads JSON that is no AG-UI event: what agents written for other vocabularies send. Pure; called by `decode`."""

import re
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from doorward.services.chat import agui

TEXT_KEYS = ("response", "result", "text", "output", "message", "content")
_MAX_DEPTH = 8
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# A whole pair (group 1), half of one, or any other escape, which is passed over as a whole.
_ESCAPE = re.compile(rb"\\(?:(u[dD][89abAB]..\\u[dD][c-fC-F]..)|u....|.)", re.DOTALL)
_CLASSES: dict[str, Any] = {str(kind.__struct_config__.tag): kind for kind in agui.AnyEvent.__args__}


class ForeignText(Struct, frozen=True):
    """A piece of the answer; may be empty."""

    text: str


class ForeignError(Struct, frozen=True):
    """The agent says that it failed. What it says is not kept."""


def read_json(payload: bytes) -> tuple[Any, bytes]:
    """The value, and the text that was read. Raises `ValueError` or `RecursionError`.

    Half a surrogate pair (``\\ud83d`` alone: a producer cut its text between UTF-16 units) is no character:
    it is read as U+FFFD, since the rest of the answer is not to be lost for it.
    """
    try:
        return msgspec.json.decode(payload), payload
    except msgspec.DecodeError:
        if not _SURROGATE.search(payload):
            raise
    mended = _ESCAPE.sub(lambda found: found[0] if found[1] or not _SURROGATE.match(found[0]) else b"\\ufffd", payload)
    return msgspec.json.decode(mended), mended


def known_event(value: object) -> agui.Event | None:
    """An AG-UI event that is right but for optional fields that are null or unknown; None when it is not one."""
    if not isinstance(value, dict):
        return None
    kind = value.get("type")
    shape = _CLASSES.get(kind) if isinstance(kind, str) else None
    if shape is None:
        return None
    kept = {key: part for key, part in value.items() if part is not None}
    try:
        event: agui.Event = msgspec.convert(kept, shape)
    except msgspec.ValidationError:
        return None
    return event


def read_foreign(value: object, payload: bytes) -> ForeignText | ForeignError | agui.Raw:
    """What a JSON value of an agent means. `payload` is its text.

    The AgentCore SDK's error in a stream is ``{"error", "error_type", "message"}`` with HTTP 200; its and others'
    JSON error is ``{"error": ...}``. A message may be a list of blocks ``[{"text": ...}, ...]``, and blocks of other
    kinds have no text.
    """
    if value is None:
        return ForeignText("")
    kind = None
    if isinstance(value, dict):
        if value.get("error"):
            return ForeignError()
        kind = value.get("type")
    # AG-UI types are written in capitals: an unknown one is a newer event or a broken one, never text.
    text = None if isinstance(kind, str) and kind.isupper() else _text_in(value, _MAX_DEPTH)
    if text is not None:
        return ForeignText(text)
    return _raw(payload) if isinstance(kind, str) else ForeignText(payload.decode("utf-8"))


def _raw(payload: bytes) -> agui.Raw:
    # Line feeds can only stand between tokens here (the payload was decoded), and a stored event is one line.
    return agui.Raw(event=msgspec.Raw(payload.replace(b"\n", b" ")), source=UNSET)


def _text_in(value: object, depth: int) -> str | None:
    if isinstance(value, str):
        return value
    if depth == 0:
        return None
    if isinstance(value, dict):
        for key in TEXT_KEYS:
            if value.get(key) is not None:
                return _text_in(value[key], depth - 1)
        return None
    if isinstance(value, list):
        found = [text for text in (_text_in(part, depth - 1) for part in value) if text is not None]
        return "".join(found) if found or not value else None
    return None
