"""The query parameters and headers of the API: how each is read, and its schema for ``/openapi.json``.

Called by the handlers of this folder. A value out of its bounds is refused with `InvalidInput`, never clipped.
"""

import re
from typing import Any

from doorward.errors import InvalidInput
from doorward.front_door.browser_session_pending import RETURN_TO_PATTERN
from doorward.http.request import Request
from doorward.model.principals import User

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
MAX_CURSOR = 512
MAX_QUERY = 200
MAX_SEQUENCE = 2**53
MAX_KEY = 255
_VISIBLE = re.compile(r"[!-~]+")
_TIME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 40, "format": "date-time"}

SCHEMAS: dict[str, dict[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    "cursor": {"type": "string", "minLength": 1, "maxLength": MAX_CURSOR, "description": "Opaque, from a page before."},
    "q": {"type": "string", "minLength": 1, "maxLength": MAX_QUERY, "description": "Words to find, as prefixes."},
    "format": {"type": "string", "enum": ["json", "markdown"], "default": "json"},
    "from": {"type": "string", "enum": ["start", "end"], "default": "start"},
    "return_to": {"type": "string", "maxLength": 512, "pattern": RETURN_TO_PATTERN, "default": "/"},
    "window": {"type": "string", "enum": ["hour", "day"], "default": "hour"},
    "user": {"type": "string", "minLength": 1, "maxLength": 128, "description": "A user's name, subject or key."},
    "door": {"type": "string", "minLength": 1, "maxLength": 64, "description": "The door's name, such as front_door."},
    "verdict": {"type": "string", "enum": ["allow", "deny", "ask"]},
    "code": {"type": "string", "minLength": 1, "maxLength": 64, "description": "The verdict's code."},
    "session_id": {"type": "string", "minLength": 1, "maxLength": 100, "description": "The id of a conversation."},
    "since": {**_TIME, "description": "Not older than this."},
    "until": {**_TIME, "description": "Not newer than this."},
    "near": {**_TIME, "description": "Within an hour of this."},
    "console": {
        "type": "string",
        "enum": ["show", "hide"],
        "default": "show",
        "description": "hide leaves out what operators were shown by this API.",
    },
    "after": {
        "type": "integer",
        "minimum": 0,
        "maximum": MAX_SEQUENCE,
        "description": "The last event already seen; Last-Event-ID wins over it.",
    },
}


HEADERS: dict[str, dict[str, Any]] = {
    "Idempotency-Key": {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_KEY,
        "pattern": "^[!-~]+$",
        "description": "Equal sends of one user with the same key are one turn.",
    },
}


def caller(request: Request) -> User:
    """The user that the door has let in. Only for routes with `Access.USER` or `OPERATOR`."""
    if request.user is None:  # pragma: no cover - the door never lets nobody through to such a route
        raise RuntimeError("a user's route was reached without a user")
    return request.user


def limit_of(query: dict[str, str]) -> int:
    """``limit``: 1 to 100, 50 when it is not given."""
    return whole_number("limit", query.get("limit", str(DEFAULT_LIMIT)), 1, MAX_LIMIT)


def cursor_of(query: dict[str, str]) -> str | None:
    """``cursor``: opaque here; the store refuses one that it did not make."""
    return bounded(query, "cursor", MAX_CURSOR)


def bounded(query: dict[str, str], name: str, longest: int) -> str | None:
    """A text of 1 to `longest` characters, or None when it is not given."""
    value = query.get(name)
    if value is not None and not 1 <= len(value) <= longest:
        raise InvalidInput(f"{name} has 1 to {longest} characters.", code="invalid_parameter")
    return value


def choice(query: dict[str, str], name: str) -> str:
    """One of the words that the schema of `name` lists."""
    schema = SCHEMAS[name]
    value = query.get(name, schema["default"])
    if value not in schema["enum"]:
        raise InvalidInput(f"{name} is one of: {', '.join(schema['enum'])}.", code="invalid_parameter")
    return str(value)


def whole_number(name: str, text: str, least: int, most: int) -> int:
    """A number in plain ASCII digits from `least` to `most`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and least <= int(text) <= most):
        raise InvalidInput(f"{name} is a whole number from {least} to {most}.", code="invalid_parameter")
    return int(text)


def resume_point(request: Request) -> int:
    """The sequence after which a stream goes on: the header Last-Event-ID, else ``after``, else 0 (the start). Both
    must fit, also the one that does not count."""
    after = whole_number("after", request.query().get("after", "0"), 0, MAX_SEQUENCE)
    given = request.header_values("last-event-id")
    if len(given) > 1:
        raise InvalidInput("Last-Event-ID is given twice.", code="invalid_parameter")
    if given:
        return whole_number("Last-Event-ID", given[0], 0, MAX_SEQUENCE)
    return after


def idempotency_key(request: Request) -> str | None:
    """The header Idempotency-Key: 1 to 255 visible ASCII characters, or None when it is not given."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if len(key) > MAX_KEY or not _VISIBLE.fullmatch(key):
        raise InvalidInput("Idempotency-Key has 1 to 255 visible ASCII characters.", code="invalid_idempotency_key")
    return key
