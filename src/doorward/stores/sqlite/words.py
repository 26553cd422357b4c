"""How text becomes the words of the search index, and a query its words. Pure.

`conversations.py` and `turns.py` call it. The same text must give the same words for ever (removal from the index needs
them), so a change here needs a migration that rebuilds the index.
"""

import re
import unicodedata

_ASCII_WORD = re.compile(r"[a-z0-9]+")
_ACCENTS = re.compile("[\u0300-\u036f]")
# Written without spaces between words: each character is a word of its own (kana, Han).
_UNSPACED = re.compile("([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff])")

WORD_LENGTH = 48
QUERY_WORDS = 12


def words_of(text: str) -> list[str]:
    """The distinct words in order of appearance: lower case, without Latin accents, cut to 48 characters."""
    if text.isascii():
        found = _ASCII_WORD.findall(text.lower())
    else:
        plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold())).casefold()
        spaced = "".join(character if _in_word(character) else " " for character in plain)
        found = _UNSPACED.sub(r" \1 ", unicodedata.normalize("NFC", spaced)).split()
    return list(dict.fromkeys(word[:WORD_LENGTH] for word in found))


def indexed(owner: str, text: str) -> str:
    """What is put into the index: every word with the owner's key in front.

    INVARIANT: a query of one owner can only meet words that begin with that owner's key.
    """
    return " ".join([owner + word for word in words_of(text)])


def matches(owner: str, query: str) -> list[str]:
    """One FTS5 expression for each word of the query (at most 12), as a prefix. Empty when it holds no word."""
    return [f'"{owner}{word}"*' for word in words_of(query)[:QUERY_WORDS]]


def _in_word(character: str) -> bool:
    return character.isalnum() or (character > "\x7f" and unicodedata.category(character)[0] == "M")
