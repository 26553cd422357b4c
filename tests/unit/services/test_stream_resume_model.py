"""Every interleaving of an agent, a gateway that dies and a reader that loses its connection: the stream has no gap.

A small model is explored exhaustively. The steps that decide are the real ones: the decoder that makes events of an
answer's bytes, and `Replay`, which leaves out what the log holds already; the log, the reader and deaths are modelled.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import msgspec
import pytest
from tests.unit.services.house import delta, sse

from doorward.services.chat import sources
from doorward.services.chat.decode import AnswerDecoder
from doorward.services.chat.replay import Replay, decoded

STREAM = "text/event-stream"
DEATHS = 3
_tool = {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "time"}
_used = {"type": "CUSTOM", "name": "usage", "value": {"model": "m", "inputTokens": 3, "outputTokens": 4}}
_event_pieces = sse(delta("It "), _tool, delta("is ", "m2"), _used, delta("one.", "m2"))
ANSWERS = {
    "events": (STREAM, _event_pieces),
    "foreign": (STREAM, sse("It is ", {"response": "one"}, {"other": 1}, "!")),
    "document": ("application/json", b'{"response": "It is one."}'),
    "text": ("text/plain; charset=utf-8", "It is Straße 5, ñandú.".encode()),
}


@dataclass(frozen=True)
class World:
    """All that matters: the log, what the living gateway has read of the answer and not stored yet, and what the reader
    has seen. `known` is how much of the log was there when this gateway began."""

    log: tuple[bytes, ...] = ()
    known: int = 0
    read: tuple[bytes, ...] = ()
    pending: tuple[bytes, ...] = ()
    seen: tuple[bytes, ...] = ()
    ended: bool = False
    deaths: int = 0


def cut(body: bytes, position: int, deaths: int) -> bytes:
    """The next piece of the answer: cut in other places each time that it is told."""
    return body[position : position + (len(body) // 3, len(body) // 4 + 1, 7 + len(body) // 5, len(body))[deaths]]


@cache
def events_of(kind: str, read: tuple[bytes, ...], known: tuple[bytes, ...], *, whole: bool) -> tuple[bytes, ...]:
    """What a gateway that found `known` in the log makes of an answer read so far."""
    content_type, _ = ANSWERS[kind]
    decoder = AnswerDecoder(content_type, "answer")
    replay = Replay(known, content_type)
    out = [event for piece in read for event in replay.rest(decoder.feed(piece))]
    return (*out, *replay.rest(decoder.close())) if whole else tuple(out)


def moves(world: World, kind: str) -> Iterator[World]:
    """Every world that can come next."""
    body = ANSWERS[kind][1]
    position = sum(map(len, world.read))
    known = world.log[: world.known]
    if not world.ended and position < len(body):
        read = (*world.read, cut(body, position, world.deaths))
        fresh = events_of(kind, read, known, whole=False)[len(events_of(kind, world.read, known, whole=False)) :]
        yield replace(world, read=read, pending=world.pending + fresh)
    elif not world.ended:
        last = events_of(kind, world.read, known, whole=True)[len(events_of(kind, world.read, known, whole=False)) :]
        yield replace(world, log=world.log + world.pending + last, pending=(), ended=True)
    if world.pending and not world.ended:
        yield replace(world, log=world.log + world.pending[:1], pending=world.pending[1:])
        yield replace(world, log=world.log + world.pending, pending=())
    if not world.ended and world.deaths < DEATHS:
        yield replace(world, known=len(world.log), read=(), pending=(), deaths=world.deaths + 1)
    if len(world.seen) < len(world.log):  # the reader gives the number that it has, and gets the next
        yield replace(world, seen=(*world.seen, world.log[len(world.seen)]))


def spelled(log: tuple[bytes, ...]) -> list[tuple[str, str, str]]:
    """A log with neighbouring pieces of text joined, since plain text is cut as it comes."""
    out: list[tuple[str, str, str]] = []
    for event in log:
        told = msgspec.json.decode(event)
        piece = (told["type"], told.get("messageId", ""), told.get("delta", event.decode()))
        if out and out[-1][:2] == piece[:2] and "delta" in told:
            piece = (*piece[:2], out.pop()[2] + piece[2])
        out.append(piece)
    return out


def explored(kind: str) -> int:
    """Walk everything that can happen; how many worlds there are."""
    content_type, body = ANSWERS[kind]
    straight = events_of(kind, (body,), (), whole=True)
    todo, known = [World()], {World()}
    while todo:
        world = todo.pop()
        assert world.seen == world.log[: len(world.seen)], "what a reader saw stays where it was"
        if content_type in (STREAM, "application/json"):
            assert world.log == straight[: len(world.log)], "the log is the one of a turn that nobody interrupted"
            assert not world.ended or world.log == straight
        elif world.ended:
            assert spelled(world.log) == spelled(straight)
        for following in moves(world, kind):
            if following not in known:
                known.add(following)
                todo.append(following)
    return len(known)


@pytest.mark.parametrize("kind", ANSWERS)
def test_in_every_interleaving_the_log_is_that_of_a_turn_that_nobody_interrupted(kind: str) -> None:
    """F-02, F-16"""
    assert explored(kind) > 30


@pytest.mark.parametrize("kind", ["events", "foreign", "text"])
def test_the_model_sees_an_answer_that_is_told_twice(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    events_of.cache_clear()
    monkeypatch.setattr(Replay, "rest", lambda _, events: events)
    with pytest.raises(AssertionError):
        explored(kind)
    events_of.cache_clear()


def test_what_a_log_says_is_read_from_any_part_of_it() -> None:
    whole = events_of("events", (_event_pieces,), (), whole=True)
    for length in range(len(whole) + 1):
        stands = decoded(whole[:length], "answer")
        assert stands.answer.failure is None
        assert (*whole[:length], *stands.give_up())[length:] == tuple(decoded(whole[:length], "x").give_up())
    assert str(decoded(whole, "answer").answer.text) == "It is one."
    assert decoded(whole, "answer").answer.usage.output_tokens == 4
    assert len(whole) < sources.READ_BATCH
