"""Integer keys that keep what belongs together side by side: messages of a conversation, events of a turn.

A composite key in one 63-bit integer is SQLite's cheapest order: the table itself, without a second index.
"""

from doorward.stores.event_batch import LAST_EVENT

MESSAGE_BITS = 20
EVENT_BITS = LAST_EVENT.bit_length()
# Positions and sequences count from 1; position 0 is the conversation's name in the search index.
LAST_POSITION = (1 << MESSAGE_BITS) - 1


def message_key(conversation: int, position: int) -> int:
    """The key of one message; `position` 0 is the name."""
    return conversation << MESSAGE_BITS | position


def event_key(turn: int, sequence: int) -> int:
    """The key of the events that begin with this sequence."""
    return turn << EVENT_BITS | sequence
