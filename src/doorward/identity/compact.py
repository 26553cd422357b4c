"""Reads a JWT in compact form, strictly, before anything about it is believed.

The token verifier calls it. It refuses everything that two readers could read in two ways: padded, lax or non-canonical
base64url, duplicate JSON names, other encodings than UTF-8, encryption, nesting, and keys that a token brings along.
"""

import base64
import binascii
import hashlib
import json
from typing import Any, NoReturn

from msgspec import Struct

from doorward.errors import Unauthenticated

MAX_TOKEN_BYTES = 16_384
MAX_KEY_ID_CHARACTERS = 256
MAX_JSON_DEPTH = 12

# RFC 7515 4.1, RFC 7516 4.1, RFC 7797: they choose a key, change the signing input or say that it is no plain JWS.
_REFUSED_HEADERS = frozenset(
    {"b64", "crit", "cty", "enc", "epk", "jku", "jwk", "p2c", "p2s", "x5c", "x5u", "zip", "apu", "apv", "iv", "tag"}
)


class CompactJwt(Struct, frozen=True, kw_only=True):
    """A token that is well formed; nothing in it has been verified. `key_id` is None when the header has no ``kid``."""

    algorithm: str
    key_id: str | None
    type: str
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes


def check_size(token: str) -> None:
    """Refuse what is too long or not ASCII, before it is hashed or parsed: the cost of a refusal stays flat."""
    if not 0 < len(token) <= MAX_TOKEN_BYTES or not token.isascii():
        raise malformed("It is empty, too long or not ASCII.")


def digest_of(token: str) -> bytes:
    """SHA-256 of a token whose size was checked: what a cache may keep in place of the token."""
    return hashlib.sha256(token.encode("ascii"), usedforsecurity=True).digest()


def parse_compact(token: str) -> CompactJwt:
    """Split and decode ``header.claims.signature`` (RFC 7515 7.1). Raises `Unauthenticated` (``token_malformed``)."""
    check_size(token)
    parts = token.split(".")
    if len(parts) != 3:
        raise malformed("It does not have three parts.")
    header = _json_object(decode_base64url(parts[0]))
    _check_header(header)
    return CompactJwt(
        algorithm=header["alg"],
        key_id=header.get("kid"),
        type=_media_type(header.get("typ", "")),
        claims=_json_object(decode_base64url(parts[1])),
        signing_input=token[: token.rindex(".")].encode("ascii"),
        signature=decode_base64url(parts[2]),
    )


def decode_base64url(part: str) -> bytes:
    """Decode one part; raises `Unauthenticated` (``token_malformed``).

    INVARIANT: bytes have one spelling. A part that does not encode back to itself is refused (RFC 4648 3.5), which
    covers padding, foreign characters, line breaks and set trailing bits alike.
    """
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        raise malformed("A part is not base64url.") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise malformed("A part is not canonical base64url.")
    return raw


def encode_base64url(raw: bytes) -> bytes:
    """The one spelling of `raw`, without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def malformed(reason: str) -> Unauthenticated:
    """The error for a token that cannot be read. `reason` never quotes the token."""
    return Unauthenticated(f"The token is malformed. {reason}", code="token_malformed")


def _check_header(header: dict[str, Any]) -> None:
    if not _REFUSED_HEADERS.isdisjoint(header):
        raise malformed("Its header has a member that is not taken.")
    if not isinstance(header.get("alg"), str) or not isinstance(header.get("typ", ""), str):
        raise malformed("Its header is incomplete.")
    key_id = header.get("kid", "-")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= MAX_KEY_ID_CHARACTERS or not key_id.isprintable():
        raise malformed("Its key id does not fit.")


def _media_type(value: str) -> str:
    """RFC 7515 4.1.9: compared without regard to case, ``application/`` may be left out."""
    return value.lower().removeprefix("application/")


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        # UnicodeDecodeError and JSONDecodeError are ValueErrors, and so is a number of more than 4,300 digits.
        raise malformed("A part is not plain JSON with unique names.") from None
    if not isinstance(value, dict):
        raise malformed("A part is not a JSON object.")
    _check_depth(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate name")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check_depth(value: dict[str, Any]) -> None:
    level: list[dict[str, Any] | list[Any]] = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise malformed("It is nested too deeply.")


def _children(node: dict[str, Any] | list[Any]) -> list[dict[str, Any] | list[Any]]:
    members = node.values() if isinstance(node, dict) else node
    return [child for child in members if isinstance(child, dict | list)]
