"""Caps of a turn: steps, tokens, money and silence, held outside of the agent (AP-LIM-05, F-21)."""

import asyncio
import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.services.house import ANNA, House, Step, delta, last, opened, sse

from doorward.errors import AgentFailed, AgentTimeout
from doorward.model.budget import Amount
from doorward.model.chat import TurnStatus
from doorward.model.settings import AgentSettings
from doorward.services.budget import Price, Prices, Pricing
from doorward.services.caps import Caps, caps_of
from doorward.services.chat.decode import AnswerDecoder
from doorward.services.invocation import InvokerOptions

pytestmark = pytest.mark.anyio

PRICING = Pricing(Prices({"dear": Price(Decimal(1_000_000), Decimal(1_000_000))}), "plain")
CAPS = Caps(steps=4, ceiling=Amount(100), cost=PRICING.cost)


def used(tokens: int, model: str = "") -> dict[str, Any]:
    return {"type": "CUSTOM", "name": "usage", "value": {"model": model, "inputTokens": tokens, "outputTokens": 0}}


def tool(name: str) -> list[dict[str, Any]]:
    start = {"type": "TOOL_CALL_START", "toolCallId": name, "toolCallName": "search"}
    return [start, {"type": "TOOL_CALL_END", "toolCallId": name}]


def result(name: str) -> dict[str, Any]:
    return {"type": "TOOL_CALL_RESULT", "messageId": f"r-{name}", "toolCallId": name, "content": "found"}


def decoded(events: list[dict[str, Any]], caps: Caps = CAPS) -> tuple[str, str, int]:
    """The code of the failure, the text, and how many events came out."""
    decoder = AnswerDecoder("text/event-stream", "m", caps=caps)
    out = decoder.feed(sse(*events)) + decoder.close()
    failure = decoder.answer.failure
    return failure.code if failure else "", str(decoder.answer.text), len(out)


def test_calls_of_models_and_tools_are_steps() -> None:
    within = [*tool("a"), used(1), result("a"), *tool("b"), result("b"), used(1), delta("done")]
    assert decoded(within)[:2] == ("", "done")
    beyond = [*within[:-1], *tool("c"), result("c"), delta("never")]
    assert decoded(beyond)[:2] == ("turn_steps_exceeded", "")


def test_a_turn_that_goes_on_beyond_its_cost_ends_and_one_that_is_at_its_end_does_not() -> None:
    assert decoded([delta("all of it"), used(500)])[:2] == ("", "all of it")
    assert decoded([delta("first "), used(101), delta("more")])[:2] == ("turn_cost_exceeded", "first ")
    assert decoded([delta("first "), used(100), delta("more")])[:2] == ("", "first more")


def test_tools_that_the_last_call_asked_for_are_not_waited_for() -> None:
    assert decoded([delta("let me look"), *tool("a"), used(101)])[:2] == ("turn_cost_exceeded", "let me look")
    assert decoded([*tool("a"), used(1), result("a"), used(101)])[0] == ""


def test_money_is_capped_by_the_price_of_the_model_that_reports() -> None:
    caps = caps_of(AgentSettings(turn_money=0.05), PRICING.cost)
    assert decoded([used(50, "dear"), delta("x")], caps)[0] == ""
    assert decoded([used(51, "dear"), delta("x")], caps)[0] == "turn_cost_exceeded"
    assert decoded([used(10**9, "unknown"), delta("x")], caps)[0] == ""


def test_without_a_cap_on_cost_nothing_is_too_dear() -> None:
    caps = caps_of(AgentSettings(), PRICING.cost)
    assert decoded([used(10**9, "dear"), delta("x")], caps)[0] == ""
    assert decoded([used(1)] * 100, caps)[0] == ""
    assert decoded([used(1)] * 101, caps)[0] == "turn_steps_exceeded"


ENDLESS = sse(delta("a"), *tool("a"), used(30), result("a"), delta("b"), used(71), delta("c"), *tool("b"))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, len(ENDLESS)), max_size=6))
def test_however_the_bytes_are_cut_it_ends_at_the_same_event(cuts: list[int]) -> None:
    whole = AnswerDecoder("text/event-stream", "m", caps=CAPS)
    expected = whole.feed(ENDLESS) + whole.close()
    pieces = AnswerDecoder("text/event-stream", "m", caps=CAPS)
    edges = [0, *sorted(cuts), len(ENDLESS)]
    out = [event for low, high in itertools.pairwise(edges) for event in pieces.feed(ENDLESS[low:high])]
    assert out + pieces.close() == expected
    assert pieces.answer.failure == whole.answer.failure
    assert str(pieces.answer.text) == "ab"


async def begun(house: House) -> str:
    return (await house.chat.start(ANNA, "hello", session_id=None, request_id="r")).turn_id


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([sse(delta("so far"), *tool("a"), used(101)), asyncio.Event()], "turn_cost_exceeded"),
        ([sse(delta("so far"), *[used(1)] * 5), asyncio.Event()], "turn_steps_exceeded"),
    ],
)
async def test_a_turn_beyond_its_caps_ends_with_what_it_has_and_the_agent_is_told(
    tmp_path: Path, steps: list[Step], code: str
) -> None:
    async with opened(tmp_path, caps=CAPS) as house:
        script = house.says(*steps)
        turn_id = await begun(house)
        with pytest.raises(AgentFailed) as caught:
            await house.chat.answer(ANNA, turn_id)
        assert caught.value.code == code
        assert script.closed.is_set()
        turn = await house.chat.turn(ANNA, turn_id)
        assert (turn.status, turn.error_code) == (TurnStatus.FAILED, code)
        assert (await house.messages(turn.session_id))[-1] == ("assistant", "so far", "partial")
        assert last(await house.stored(turn_id))["code"] == code
    assert [session for _, session, _ in house.agent.stopped] == [turn.session_id]


@pytest.mark.parametrize("steps", [[asyncio.Event()], [sse(delta("half")), asyncio.Event()]], ids=["first", "next"])
async def test_an_agent_that_falls_silent_is_given_up_and_what_there_was_is_kept(
    tmp_path: Path, steps: list[Step]
) -> None:
    async with opened(tmp_path) as house:
        house.invoker._options = InvokerOptions(actor="chat", token_ttl=960.0, stall_timeout=0.05)
        script = house.says(*steps)
        turn_id = await begun(house)
        with pytest.raises(AgentTimeout):
            await house.chat.answer(ANNA, turn_id)
        assert script.closed.is_set()
        turn = await house.chat.turn(ANNA, turn_id)
        assert (turn.status, turn.error_code) == (TurnStatus.FAILED, "agent_timeout")
        [*_, answer] = await house.messages(turn.session_id)
        assert answer == ("assistant", "half" if len(steps) == 2 else "", "partial" if len(steps) == 2 else "failed")


async def test_a_turn_ends_at_its_time_however_busy_it_is(tmp_path: Path) -> None:
    """AP-LIM-05"""
    async with opened(tmp_path, turn_timeout=0.2) as house:
        script = house.says(sse(delta("busy ")), *[asyncio.Event(), sse(delta("never"))])
        turn_id = await begun(house)
        with pytest.raises(AgentTimeout):
            await house.chat.answer(ANNA, turn_id)
        assert script.closed.is_set()
        turn = await house.chat.turn(ANNA, turn_id)
        assert (await house.messages(turn.session_id))[-1] == ("assistant", "busy ", "partial")


async def test_an_agent_that_does_not_answer_at_all_is_given_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.invoker._options = InvokerOptions(actor="chat", token_ttl=960.0, stall_timeout=0.05)

        async def never(_: object) -> Any:
            await asyncio.Event().wait()

        house.agent.invoke = never  # type: ignore[method-assign]
        with pytest.raises(AgentTimeout):
            await house.chat.answer(ANNA, await begun(house))
