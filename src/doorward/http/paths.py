"""One way to read a path. What is routed is what is authorized: both look at `split_path`'s answer alone."""

import re
from urllib.parse import unquote_to_bytes

from doorward.errors import InvalidInput

_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


def split_path(raw_path: bytes, *, slash_in_segment: bool = False) -> tuple[str, ...]:
    """Split a raw request path into decoded segments; ``/`` is the empty tuple.

    Ambiguous paths are refused with `InvalidInput` (``ambiguous_path``), never repaired: empty segments (``//``, a
    trailing slash), ``.`` and ``..`` in any encoding, ``;`` parameters, backslashes, control characters, malformed or
    double percent-encoding, bytes that are not UTF-8 and, unless `slash_in_segment`, an encoded slash. The agent door
    allows the encoded slash since an ARN has one.
    """
    if raw_path == b"/":
        return ()
    if not raw_path.startswith(b"/") or _BAD_PERCENT.search(raw_path):
        raise _ambiguous()
    return tuple(_segment(part, slash_in_segment) for part in raw_path[1:].split(b"/"))


def _segment(part: bytes, slash_in_segment: bool) -> str:
    try:
        segment = (unquote_to_bytes(part) if b"%" in part else part).decode()
    except UnicodeDecodeError:
        raise _ambiguous() from None
    if segment in ("", ".", "..") or ";" in segment or "%" in segment or _CONTROL.search(segment):
        raise _ambiguous()
    if "/" in segment and not slash_in_segment:
        raise _ambiguous()
    return segment


def _ambiguous() -> InvalidInput:
    return InvalidInput("The path can be read in more than one way.", code="ambiguous_path")
