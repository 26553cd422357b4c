"""Words as SQLite's full-text index holds them. `conversations.py` and `turns.py` call it."""

from doorward.stores.words import asked, words_of


def indexed(owner: str, text: str) -> str:
    """What is put into the index: every word with the owner's key in front.

    INVARIANT: a query of one owner can only meet words that begin with that owner's key.
    """
    return " ".join([owner + word for word in words_of(text)])


def matches(owner: str, query: str) -> list[str]:
    """One FTS5 expression for each word of the query (at most 12), as a prefix. Empty when it holds no word."""
    return [f'"{owner}{word}"*' for word in asked(query)]
