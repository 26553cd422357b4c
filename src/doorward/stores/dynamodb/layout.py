"""The one table: which key each item has. What each costs and serves stands in docs/reference/dynamodb.md.

INVARIANT: whatever belongs to a user has that user's key in its partition key, so that a key made for one user can
reach no other's item (AP-SES-01). Turns are found by their id alone, and say whose they are.
"""

from typing import NamedTuple
from zlib import crc32

RECENT = "recent"  # the index by activity, and its sort key
TIME_TO_LIVE = "expires"  # seconds since 1970, when DynamoDB may remove an item
SHARDS = 8  # lists that every turn writes to lie in so many partitions


class Key(NamedTuple):
    """Partition and sort key."""

    pk: str
    sk: str


def conversation(owner: str, session_id: str) -> Key:
    """A conversation of this owner."""
    return Key(_user(owner), f"C#{session_id}")


def of_user(owner: str) -> str:
    """The partition of a user's conversations, days and keys of equal sends."""
    return _user(owner)


def recent(updated_at: float, number: int) -> str:
    """The place of a conversation by activity; `number` parts those of one instant."""
    return f"{round(updated_at * 1e6):017d}#{number:020d}"


def messages(owner: str, number: int) -> str:
    """The partition of a conversation's messages. The number is new with each conversation, so that one that was
    deleted and begun again shares nothing with the old one."""
    return f"M#{owner}#{number:020d}"


def position(place: int) -> str:
    """The place of a message in its conversation."""
    return f"{place:010d}"


def words(owner: str, number: int, place: int) -> Key:
    """The words of a message, or with place 0 of the name."""
    return Key(words_of_user(owner), f"{number:020d}#{place:010d}")


def words_of_user(owner: str) -> str:
    """The partition of all of a user's words."""
    return f"W#{owner}"


def turn(turn_id: str) -> Key:
    """A turn."""
    return Key(events(turn_id), "T")


def events(turn_id: str) -> str:
    """The partition of a turn and its events."""
    return f"T#{turn_id}"


def last_event(sequence: int) -> str:
    """Events lie under the number of the last of their batch: the first at or after a number holds that number."""
    return f"E#{sequence:08d}"


def open_turn(turn_id: str, stamp: int) -> Key:
    """The place of a running turn in the order in which all began."""
    return Key(open_turns(_shard(turn_id)), f"{stamp:020d}#{turn_id}")


def open_turns(shard: int) -> str:
    """The partition of running turns."""
    return f"OPEN#{shard}"


def equal_send(owner: str, key: bytes) -> Key:
    """An idempotency key of this owner."""
    return Key(_user(owner), f"I#{key.hex()}")


def usage(owner: str, day: str) -> Key:
    """What a user spent on a day."""
    return Key(_user(owner), f"D#{day}")


def account(name: str, day: str) -> Key:
    """What an account has used of its budget of a day."""
    return Key(f"B#{name}", day)


def charge(charge_id: str) -> Key:
    """What is set aside for no turn."""
    return Key(charges(_shard(charge_id)), charge_id)


def charges(shard: int) -> str:
    """The partition of what is set aside for no turn."""
    return f"R#{shard}"


def forgotten(owner: str, session_id: str) -> Key:
    """A deleted conversation that the agent has still to forget."""
    return Key(FORGOTTEN, f"{owner}#{session_id}")


def removed(owner: str, number: int) -> Key:
    """A deleted conversation of which something may be left here."""
    return Key(REMOVED, f"{owner}#{number:020d}")


def mark(name: str) -> Key:
    """A name that is taken for a time."""
    return Key(f"K#{name}", "K")


def rate(name: str) -> Key:
    """How fast somebody asks."""
    return Key(f"L#{name}", "L")


FORGOTTEN = "FORGET"
REMOVED = "REMOVE"
CURSORS = Key("CURSORS", "KEY")


def _user(owner: str) -> str:
    return f"U#{owner}"


def _shard(name: str) -> int:
    return crc32(name.encode()) % SHARDS
