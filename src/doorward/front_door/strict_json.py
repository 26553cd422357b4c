"""One reading of a JSON text: what two parsers could read in two ways is refused (RFC 8259 4 and 8). Pure."""

import json
import re
from typing import Any, NoReturn, TypeVar

import msgspec

from doorward.errors import InvalidInput

T = TypeVar("T")

MAX_DEPTH = 32
# Possessive, and an unfinished string runs to the end: the time stays linear whatever is sent.
_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_PLACE = re.compile(r"at `(\$[^`]{0,200})`")


class InvalidJson(InvalidInput):
    """Not JSON, or JSON that is ambiguous."""

    code = "invalid_json"


class InvalidBody(InvalidInput):
    """JSON that does not fit the schema of the route."""

    code = "invalid_body"


def read(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode `raw` into the decoder's type. Raises `InvalidJson` or `InvalidBody`; neither ever shows a value.

    Refused besides what msgspec refuses (NaN, invalid UTF-8, lone surrogates, unknown fields of closed structs):
    nesting deeper than `MAX_DEPTH`, a key given twice in one object, and integers beyond 53 bits.
    """
    if not _shallow(raw):
        raise InvalidJson("The JSON is nested too deeply.")
    try:
        value = decoder.decode(raw)
        _READER.decode(raw.decode())
    except msgspec.ValidationError as error:
        raise InvalidBody(_explain(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        raise InvalidJson("The body is not JSON that every reader takes the same way.") from None
    return value


def _shallow(raw: bytes) -> bool:
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return True
    depth = 0
    for token in _STRUCTURE.finditer(raw):
        mark = raw[token.start()]
        if mark in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return False
        elif mark in b"]}":
            depth -= 1
    return True


def _explain(message: str) -> str:
    """msgspec's own sentence where it speaks of types and bounds only; the place alone where it quotes the input."""
    place = _PLACE.search(message)
    where = f" at {place[1]}" if place else ""
    if message.startswith("Object contains unknown field"):
        return f"The body has an unknown field{where}."
    if message.startswith(("Expected `", "Object missing required field")):
        return message.replace("`", "")
    return f"The body does not fit{where}."


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("key given twice")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _exact_int(text: str) -> int:
    """RFC 7493 2.2: what is beyond 53 bits, another reader may round."""
    number = int(text)
    if abs(number) > 2**53 - 1:
        raise ValueError("number too large")
    return number


_READER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_exact_int)
