"""Whose session a call is, and how many run in it."""

import asyncio

import pytest

from doorward.errors import Conflict
from doorward.model.principals import TurnIdentity, User, Workload
from doorward.runtime.sessions import Invocations, SessionKey, owner_of

pytestmark = pytest.mark.anyio

ANN = User(issuer="https://issuer", subject="ann", username="ann")


def turn(subject: str) -> TurnIdentity:
    return TurnIdentity(
        issuer="https://issuer",
        subject=subject,
        actor="chat",
        session_id="s",
        turn_id="t",
        audience="agent",
        expires_at=0,
    )


def test_a_turn_has_the_same_owner_as_its_user() -> None:
    assert owner_of(turn("ann")) == owner_of(ANN) == ANN.key


def test_a_workload_that_calls_for_itself_owns_its_sessions() -> None:
    assert owner_of(Workload(key_id="k", name="batch")) == "workload:batch"


def test_the_session_id_an_agent_sees_belongs_to_one_owner_and_agent_alone() -> None:
    """AP-SES-02, AP-SES-06"""
    same = "a" * 36
    seen = {SessionKey(owner, agent, same).visible_id for owner in ("ann", "bob") for agent in ("hello", "titles")}
    assert len(seen) == 4
    assert all(33 <= len(one) <= 100 and one.startswith(same) for one in seen)
    assert len(SessionKey("ann", "hello", "a" * 100).visible_id) <= 100
    assert SessionKey("ann", "hello", "a" * 99).visible_id != SessionKey("ann", "hello", "a" * 100).visible_id


async def test_a_second_call_in_a_session_is_refused_until_the_first_has_ended() -> None:
    invocations = Invocations()
    key = SessionKey("ann", "hello", "s")
    first = invocations.begin(key, 60)
    with pytest.raises(Conflict) as refused:
        invocations.begin(key, 60)
    assert refused.value.code == "session_busy"
    other = invocations.begin(SessionKey("bob", "hello", "s"), 60)
    invocations.end(first)
    invocations.end(first)
    second = invocations.begin(key, 60)
    invocations.end(second)
    invocations.end(other)
    assert invocations.all() == []


async def test_a_handle_opens_a_session_only_while_its_call_runs() -> None:
    invocations = Invocations()
    first = invocations.begin(SessionKey("ann", "hello", "s"), 60)
    assert invocations.by_handle(first.handle) is first
    invocations.end(first)
    assert invocations.by_handle(first.handle) is None
    assert invocations.by_handle("") is None


async def test_a_call_is_ended_when_its_time_is_over() -> None:
    invocations = Invocations()
    ended = asyncio.Event()
    call = invocations.begin(SessionKey("ann", "hello", "s"), 0.01)
    call.hang_up = ended.set
    async with asyncio.timeout(2):
        await ended.wait()
    assert call.aborted == "timeout"
    invocations.end(call)
