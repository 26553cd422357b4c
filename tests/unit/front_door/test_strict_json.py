"""One reading of JSON."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.front_door import strict_json

ANY = msgspec.json.Decoder(object)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_we_write_ourselves_is_read_back(value: object) -> None:
    assert strict_json.read(msgspec.json.encode(value), ANY) == value


@pytest.mark.parametrize("depth", [strict_json.MAX_DEPTH, strict_json.MAX_DEPTH + 1])
def test_the_depth_is_counted_outside_of_strings(depth: int) -> None:
    brackets = b'["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\"[[[[[{{{"]'
    raw = b"[" * (depth - 1) + brackets + b"]" * (depth - 1)
    if depth > strict_json.MAX_DEPTH:
        with pytest.raises(strict_json.InvalidJson):
            strict_json.read(raw, ANY)
    else:
        strict_json.read(raw, ANY)


@pytest.mark.parametrize(
    "raw", [b"[" * 40 + b'"' + b'\\"' * 120_000, b'{"' * 120_000, b'"[' * 120_000, b"[" * 40 + b'"' * 200_000]
)
def test_hostile_text_is_refused_in_linear_time(raw: bytes) -> None:
    """AP-HTP-06."""
    before = time.process_time()
    with pytest.raises(strict_json.InvalidJson):
        strict_json.read(raw, ANY)
    assert time.process_time() - before < 1.0
