"""The hash chain as pure functions."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.errors import InvalidInput
from doorward.ledger.chain import FIELD_LIMIT, GENESIS, Link, next_hash, seal, unseal, verify_chain
from doorward.model.ledger import LedgerEntry

TEXTS = st.text(alphabet=st.characters(), max_size=40)


def entry(code: str = "ok") -> LedgerEntry:
    return LedgerEntry(door="front_door", verdict="allow", code=code, at=1.5)


def chain(length: int) -> list[Link]:
    links: list[Link] = []
    previous = GENESIS
    for sequence in range(1, length + 1):
        sealed = seal(entry(f"code-{sequence}"))
        previous = next_hash(previous, sequence, sealed)
        links.append(Link(sequence, sealed, previous))
    return links


def found_at(links: list[Link]) -> int | None:
    fault = verify_chain(iter(links))
    return None if fault is None else fault.sequence


def test_the_encoding_never_changes() -> None:
    """A stored chain must verify with every later version: these bytes are for ever."""
    sealed = seal(entry("é"))

    assert sealed == (
        b'{"action":"","at":1.5,"code":"\\u00e9","door":"front_door","on_behalf_of":"","principal":"","request_id":"",'
        b'"resource":"","turn_id":"","verdict":"allow"}'
    )
    expected = hashlib.sha256(b"doorward ledger entry v1\0" + bytes(32) + (1).to_bytes(8, "big") + sealed).digest()
    assert next_hash(GENESIS, 1, sealed) == expected


@given(TEXTS, TEXTS, st.floats(allow_nan=False, allow_infinity=False))
def test_every_entry_is_one_line_of_printable_ascii_and_reads_back(action: str, resource: str, at: float) -> None:
    """AP-AUD-04."""
    original = LedgerEntry(door="d", verdict="deny", code="c", action=action, resource=resource, at=at)

    sealed = seal(original)

    assert all(0x20 <= byte <= 0x7E for byte in sealed)
    assert unseal(sealed) == msgspec.structs.replace(
        original,
        action=action.encode("utf-8", "replace").decode(),
        resource=resource.encode("utf-8", "replace").decode(),
    )


def test_long_fields_are_cut_and_short_ones_are_not() -> None:
    sealed = seal(LedgerEntry(door="d", verdict="deny", code="c", action="é" * 5000, resource="r" * FIELD_LIMIT))

    assert unseal(sealed).action == "é" * FIELD_LIMIT
    assert unseal(sealed).resource == "r" * FIELD_LIMIT


@pytest.mark.parametrize("at", [float("nan"), float("inf"), float("-inf")])
def test_a_time_must_be_finite(at: float) -> None:
    with pytest.raises(InvalidInput):
        seal(LedgerEntry(door="d", verdict="deny", code="c", at=at))


def test_an_untouched_chain_holds() -> None:
    assert found_at(chain(50)) is None
    assert found_at([]) is None


@pytest.mark.parametrize("place", [1, 7, 20])
def test_every_way_to_touch_an_entry_is_found_where_it_was_done(place: int) -> None:
    """AP-AUD-01."""
    good = chain(20)
    index = place - 1
    other = seal(entry("forged"))

    def with_link(**changes: object) -> list[Link]:
        return [*good[:index], msgspec.structs.replace(good[index], **changes), *good[index + 1 :]]

    assert found_at(with_link(sealed=other)) == place
    assert found_at(with_link(hash=bytes(32))) == place
    assert found_at(with_link(sequence=place + 1)) == place
    assert found_at(with_link(sealed=good[index].sealed.replace(b'"at":1.5', b'"at": 1.5'))) == place
    if place < 20:
        assert found_at([*good[:index], *good[index + 1 :]]) == place
        swapped = [*good[:index], good[index + 1], good[index], *good[index + 2 :]]
        assert found_at(swapped) == place
        renumbered = [
            Link(number, link.sealed, link.hash) for number, link in enumerate([*good[:index], *good[index + 1 :]], 1)
        ]
        assert found_at(renumbered) == place
    inserted = [*good[:index], Link(place, other, good[index].hash), *good[index:]]
    assert found_at(inserted) == place


@given(st.integers(1, 5), st.data())
def test_every_single_byte_of_a_chain_counts(place: int, data: st.DataObject) -> None:
    good = chain(5)
    link = good[place - 1]
    offset = data.draw(st.integers(0, len(link.sealed) - 1))
    flipped = bytearray(link.sealed)
    flipped[offset] ^= data.draw(st.integers(1, 255))

    good[place - 1] = msgspec.structs.replace(link, sealed=bytes(flipped))

    assert found_at(good) == place


def test_bytes_that_are_no_entry_are_a_fault_even_with_the_right_hash() -> None:
    fault = verify_chain([Link(1, b"[]", next_hash(GENESIS, 1, b"[]"))])

    assert fault is not None
    assert fault.reason == "the entry cannot be read"
