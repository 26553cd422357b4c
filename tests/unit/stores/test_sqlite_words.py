"""How text becomes words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.stores.sqlite.search_words import indexed, matches, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What time is it? It is NOON.", ["what", "time", "is", "it", "noon"]),
        ("snake_case and kebab-case", ["snake", "case", "and", "kebab"]),
        ("Café ÉTÉ", ["cafe", "ete"]),
        ("Straße", ["strasse"]),
        ("今日の天気", ["今", "日", "の", "天", "気"]),
        ("हिन्दी", ["हिन्दी"]),
        ("", []),
        ("\x00\n!?", []),
        ("x" * 100, ["x" * 48]),
    ],
)
def test_words_are_folded_and_distinct(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text())
def test_no_text_makes_a_word_outside_of_its_owner(text: str) -> None:
    """AP-SES-03."""
    owner = "f" * 32
    for word in indexed(owner, text).split(" "):
        assert not word or word.startswith(owner)
    for expression in matches(owner, text):
        assert expression.startswith(f'"{owner}')
        assert expression.count('"') == 2
