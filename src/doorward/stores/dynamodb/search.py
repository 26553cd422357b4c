"""The words of names and messages, and how they are found: an item of distinct words beside each text.

DynamoDB has no index of words. A search reads the words of one user, the newest conversations first and at most
`MOST_PAGES` pages of 1 MB, and DynamoDB leaves out what holds none of those asked for. What lies further back is not
found; docs/reference/dynamodb.md has what that costs.
"""

from collections import defaultdict

from doorward.stores.dynamodb import layout
from doorward.stores.dynamodb.table import Table
from doorward.stores.dynamodb.writes import Write, put
from doorward.stores.words import words_of

MOST_PAGES = 40
MOST_BYTES = 300_000


def words_item(owner: str, number: int, place: int, session_id: str, text: str) -> Write:
    """The words of one text. Each stands behind a space, so that the beginning of a word can be asked for."""
    words = " " + " ".join(words_of(text))
    cut = words.encode()[:MOST_BYTES].decode(errors="ignore")
    return put(layout.words(owner, number, place), {"words": cut, "session": session_id})


async def holding(table: Table, owner: str, wanted: list[str]) -> dict[int, str]:
    """The conversations whose texts together hold the beginning of each word: number and session id."""
    asked = [f" {word}" for word in wanted]
    having = " OR ".join(f"contains(#words, :w{place})" for place in range(len(asked)))
    values = {f"w{place}": word for place, word in enumerate(asked)}
    held: dict[int, set[str]] = defaultdict(set)
    sessions: dict[int, str] = {}
    pages = 0
    async for items in table.pages(layout.words_of_user(owner), newest=True, having=(having, values)):
        for item in items:
            number = int(item["sk"].partition("#")[0])
            sessions[number] = item["session"]
            held[number].update(word for word in asked if word in item["words"])
        pages += 1
        if pages == MOST_PAGES:
            break
    return {number: session for number, session in sessions.items() if len(held[number]) == len(asked)}
