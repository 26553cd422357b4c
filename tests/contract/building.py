"""Ready-made data for the suites: turns, results, entries, and a clock that can be moved."""

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec

from doorward.model.chat import MessageStatus, NewTurn, TurnEvent, TurnResult, TurnStatus
from doorward.model.ledger import LedgerEntry
from doorward.ports.conversations import TurnStore

ANNA = "a" * 32
BORIS = "b" * 32

_numbers = itertools.count(1)


class MovableClock:
    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def new_turn(session_id: str = "first", *, owner: str = ANNA, **changes: Any) -> NewTurn:
    number = next(_numbers)
    turn = NewTurn(
        turn_id=f"turn-{number}",
        session_id=session_id,
        owner=owner,
        message_id=f"question-{number}",
        message="What time is it?",
        at=1000.0,
        conversation_name="The time",
        first_event=b'{"type":"RUN_STARTED"}',
        request_id=f"request-{number}",
    )
    return msgspec.structs.replace(turn, **changes)


async def end_open(turns: TurnStore, *, at: float = 5.0) -> int:
    """End what a dead process left, as a service does that cannot go on with it; how many."""
    left = await turns.open_turns()
    for open_turn in left:
        await turns.finish(
            TurnResult(
                turn_id=open_turn.turn.id,
                status=TurnStatus.INTERRUPTED,
                message_id=f"answer-of-{open_turn.turn.id}",
                content="",
                message_status=MessageStatus.PARTIAL,
                at=at,
            )
        )
    return len(left)


def result_of(turn: NewTurn, **changes: Any) -> TurnResult:
    result = TurnResult(
        turn_id=turn.turn_id,
        status=TurnStatus.COMPLETED,
        message_id=turn.message_id.replace("question", "answer"),
        content="It is noon.",
        message_status=MessageStatus.COMPLETE,
        at=turn.at,
    )
    return msgspec.structs.replace(result, **changes)


async def whole_turn(turns: TurnStore, session_id: str = "first", *, owner: str = ANNA, **changes: Any) -> NewTurn:
    """One question and its answer, both at the turn's time."""
    answer = changes.pop("answer", "It is noon.")
    turn = new_turn(session_id, owner=owner, **changes)
    await turns.begin(turn)
    await turns.finish(result_of(turn, content=answer))
    return turn


def events(first: int, *data: bytes) -> Sequence[TurnEvent]:
    return tuple(TurnEvent(sequence, each) for sequence, each in enumerate(data, first))


def entry(code: str = "ok", **changes: Any) -> LedgerEntry:
    return msgspec.structs.replace(
        LedgerEntry(door="front_door", verdict="allow", code=code, principal=f"user:{ANNA}", at=1000.5), **changes
    )
