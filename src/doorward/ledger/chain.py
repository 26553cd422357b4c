"""The hash chain of the ledger, as functions of bytes. Stores call it to append and to verify.

A chain finds every edit, removal, insertion and change of order within it. It cannot find a tail that was cut off or a
chain that was rebuilt from its start: that takes a witness outside of the store. No input, no output, no clock.
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterable

import msgspec

from doorward.errors import InvalidInput
from doorward.model.ledger import ChainFault, LedgerEntry

FIELD_LIMIT = 512
GENESIS = bytes(32)

# Separates these hashes from every other use of SHA-256 in the house, and names the version of the encoding.
_DOMAIN = b"doorward ledger entry v1\0"
_TEXT_FIELDS = tuple(name for name in LedgerEntry.__struct_fields__ if name != "at")
_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(LedgerEntry)
_NOT_PRINTABLE_ASCII = re.compile(r"[^\x20-\x7e]")


class Link(msgspec.Struct, frozen=True):
    """One row of a stored chain: `sealed` are the canonical bytes of the entry, exactly as they were hashed."""

    sequence: int
    sealed: bytes
    hash: bytes


def seal(entry: LedgerEntry) -> bytes:
    """The canonical bytes of an entry: JSON with sorted keys, printable ASCII only, fields cut to 512 characters.

    INVARIANT: whatever the fields hold (line breaks, ANSI, bidirectional marks, lone surrogates), the result is one
    line of printable ASCII. Raises `InvalidInput` when `at` is not a finite number.
    """
    if not math.isfinite(entry.at):
        raise InvalidInput("The time of a ledger entry must be finite.")
    try:
        encoded = _ENCODER.encode(entry)
    except UnicodeEncodeError:
        encoded = _ENCODER.encode(_with_fields(entry, lambda text: text.encode("utf-8", "replace").decode()))
    # A field can only be too long when the whole is.
    if len(encoded) > FIELD_LIMIT and any(len(getattr(entry, name)) > FIELD_LIMIT for name in _TEXT_FIELDS):
        return seal(_with_fields(entry, lambda text: text[:FIELD_LIMIT]))
    text = encoded.decode()
    return _NOT_PRINTABLE_ASCII.sub(_escape, text).encode("ascii")


def unseal(sealed: bytes) -> LedgerEntry:
    """The entry in these bytes. Raises `msgspec.DecodeError` or its subclass when they are none."""
    try:
        return _DECODER.decode(sealed)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError("not UTF-8") from error


def next_hash(previous: bytes, sequence: int, sealed: bytes) -> bytes:
    """SHA-256 over the domain, the previous hash (32 bytes; `GENESIS` before the first), the sequence and the entry."""
    return hashlib.sha256(_DOMAIN + previous + sequence.to_bytes(8, "big") + sealed).digest()


def verify_chain(links: Iterable[Link], *, after: int = 0, previous: bytes = GENESIS) -> ChainFault | None:
    """Walk a chain, one link at a time, from its first or from the one after a link that was found good (its place and
    hash). None when it holds, else the first place where it does not.

    The fault's `sequence` is the place in the chain, counted from 1; for an entry that was removed, its place.
    """
    for place, link in enumerate(links, after + 1):
        if link.sequence != place:
            return ChainFault(sequence=place, reason=f"expected entry {place}, found {link.sequence}")
        previous = next_hash(previous, place, link.sealed)
        if previous != link.hash:
            return ChainFault(sequence=place, reason="the hash does not match the entry and what came before it")
        try:
            unseal(link.sealed)
        except msgspec.DecodeError:
            return ChainFault(sequence=place, reason="the entry cannot be read")
    return None


def _with_fields(entry: LedgerEntry, change: Callable[[str], str]) -> LedgerEntry:
    changed = {name: change(getattr(entry, name)) for name in _TEXT_FIELDS}
    return msgspec.structs.replace(entry, **changed)


def _escape(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
