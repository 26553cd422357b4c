"""How text becomes the words of a search, and a query its words. Pure, the same in every engine.

The same text must give the same words for ever (removal from SQLite's index needs them), so a change here needs a
migration that rebuilds the index.
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


def asked(query: str) -> list[str]:
    """The words of a query, at most 12, each of which may be the beginning of one."""
    return words_of(query)[:QUERY_WORDS]


def _in_word(character: str) -> bool:
    return character.isalnum() or (character > "\x7f" and unicodedata.category(character)[0] == "M")
