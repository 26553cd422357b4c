"""What happens to a message for a conversation that is being answered: refused, queued, or put first."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.services.house import ANNA, BEN, House, Script, delta, last, opened, sse

from doorward.errors import Conflict, DoorwardError, StoreUnavailable, TooManyRequests
from doorward.model.agent import AgentCall
from doorward.model.chat import OnBusy, TurnStatus
from doorward.model.principals import User
from doorward.ports.services import Sending, SendKey, StartedTurn

pytestmark = pytest.mark.anyio

SESSION = "s" * 36


class Turns:
    """A house whose agent answers each message when the test says so."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.go: dict[str, asyncio.Event] = {}
        house.agent.answer = self._answer

    def _answer(self, call: AgentCall) -> Script:
        prompt = call.payload.split(b'"')[3].decode()
        return Script(sse(delta(f"to {prompt}")), self.go.setdefault(prompt, asyncio.Event()))

    def send(
        self, message: str, on_busy: OnBusy | None = "enqueue", *, session: str = SESSION, user: User = ANNA
    ) -> "asyncio.Task[StartedTurn]":
        sending = Sending(on_busy=on_busy)
        return asyncio.create_task(
            self.house.chat.start(user, message, session_id=session, request_id="r", sending=sending)
        )

    async def asked(self, *messages: str) -> None:
        """Wait until the agent was asked exactly these, in order."""
        async with asyncio.timeout(5):
            while len(self.house.agent.calls) < len(messages):  # noqa: ASYNC110  bounded, for other tasks
                await asyncio.sleep(0.001)
        assert [call.payload.split(b'"')[3].decode() for call in self.house.agent.calls] == list(messages)

    def end(self, *messages: str) -> None:
        for message in messages:
            self.go.setdefault(message, asyncio.Event()).set()


@pytest.fixture
async def turns(tmp_path: Path) -> AsyncIterator[Turns]:
    async with opened(tmp_path, turns_per_user=1, queue_length=3, queue_timeout=5.0) as house:
        yield Turns(house)


async def settled() -> None:
    """Let every task run as far as it can without the store or the agent."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_messages_that_wait_are_answered_in_order(turns: Turns) -> None:
    """The user may run one turn at once: those that wait do not count, and get the place of the one before."""
    sent = [turns.send("one")]
    await turns.asked("one")
    sent += [turns.send("two"), turns.send("three"), turns.send("four")]
    await settled()
    assert await turns.house.messages(SESSION) == [("user", "one", "complete")]
    turns.end("one", "two", "three", "four")
    started = [await task for task in sent]
    for turn in started:
        await turns.house.chat.answer(ANNA, turn.turn_id)
    words = [content for _, content, _ in await turns.house.messages(SESSION)]
    assert words == ["one", "to one", "two", "to two", "three", "to three", "four", "to four"]
    assert not turns.house.chat._places.busy()
    assert turns.house.chat._places._running == {}


async def test_the_line_is_bounded_and_a_refused_message_leaves_nothing(turns: Turns) -> None:
    sent = [turns.send("one")]
    await turns.asked("one")
    sent += [turns.send(f"waits {n}") for n in range(3)]
    await settled()
    with pytest.raises(TooManyRequests) as full:
        await turns.send("too many")
    assert full.value.code == "turn_queue_full"
    turns.end("one", *(f"waits {n}" for n in range(3)))
    for task in sent:
        await turns.house.chat.answer(ANNA, (await task).turn_id)
    assert "too many" not in {content for _, content, _ in await turns.house.messages(SESSION)}


async def test_a_message_waits_only_so_long_and_the_next_one_is_not_held_up(tmp_path: Path) -> None:
    async with opened(tmp_path, queue_timeout=0.05) as house:
        turns = Turns(house)
        first = await turns.send("one")
        with pytest.raises(Conflict) as late:
            await turns.send("two")
        assert late.value.code == "turn_queue_timeout"
        turns.end("one", "three")
        await house.chat.answer(ANNA, first.turn_id)
        await house.chat.answer(ANNA, (await turns.send("three")).turn_id)
        assert [words for _, words, _ in await house.messages(SESSION)] == ["one", "to one", "three", "to three"]


async def test_nobody_comes_between_those_who_wait(turns: Turns) -> None:
    await turns.send("one")
    await turns.asked("one")
    waits = turns.send("two")
    await settled()
    turns.end("one", "two")
    refused = set()
    while not waits.done():
        try:
            await turns.send("pushes in", "reject")
        except DoorwardError as error:
            refused.add(error.code)
    assert {"turn_active"} <= refused <= {"turn_active", "too_many_turns"}
    await turns.house.chat.answer(ANNA, (await waits).turn_id)
    assert [words for _, words, _ in await turns.house.messages(SESSION)] == ["one", "to one", "two", "to two"]


async def test_who_goes_away_while_waiting_gives_the_place_to_the_next(turns: Turns) -> None:
    first = await turns.send("one")
    gone, stays = turns.send("gone"), turns.send("stays")
    await settled()
    gone.cancel()
    turns.end("one", "stays")
    await turns.house.chat.answer(ANNA, first.turn_id)
    await turns.house.chat.answer(ANNA, (await stays).turn_id)
    await turns.asked("one", "stays")
    assert turns.house.chat._places._running == {}


async def test_who_goes_away_just_when_it_is_called_gives_the_place_on(turns: Turns) -> None:
    await turns.send("one")
    gone, stays = turns.send("gone"), turns.send("stays")
    await settled()
    call = turns.house.chat._places.lines.call

    def call_and_go(place: tuple[str, str]) -> bool:
        called = call(place)
        gone.cancel()
        return called

    turns.house.chat._places.lines.call = call_and_go  # type: ignore[method-assign]
    turns.end("one", "stays")
    await turns.house.chat.answer(ANNA, (await stays).turn_id)
    await turns.asked("one", "stays")
    assert gone.cancelled()
    assert not turns.house.chat._places.busy()


async def test_an_interrupt_ends_the_turn_that_runs_keeps_its_answer_and_goes_first(turns: Turns) -> None:
    first = await turns.send("one")
    events = await turns.house.chat.events(ANNA, first.turn_id, after=0)
    while b"to one" not in (await anext(events))[-1].data:
        pass
    waits = turns.send("waits")
    await settled()
    second = await turns.send("now", "interrupt")
    old = await turns.house.chat.turn(ANNA, first.turn_id)
    assert (old.status, old.error_code) == (TurnStatus.CANCELLED, "turn_superseded")
    assert last(await turns.house.follow(ANNA, first.turn_id))["code"] == "turn_superseded"
    assert turns.house.agent.stopped == [(turns.house.agent.calls[0].agent, SESSION, ANNA.key)]
    turns.end("now", "waits")
    await turns.house.chat.answer(ANNA, second.turn_id)
    await turns.house.chat.answer(ANNA, (await waits).turn_id)
    assert await turns.house.messages(SESSION) == [
        ("user", "one", "complete"),
        ("assistant", "to one", "partial"),
        ("user", "now", "complete"),
        ("assistant", "to now", "complete"),
        ("user", "waits", "complete"),
        ("assistant", "to waits", "complete"),
    ]


async def test_of_several_interrupts_the_newest_one_is_answered(turns: Turns) -> None:
    await turns.send("one")
    await turns.asked("one")
    sent = [turns.send(f"now {n}", "interrupt") for n in range(5)]
    turns.end("now 4")
    results = await asyncio.gather(*sent, return_exceptions=True)
    assert isinstance(results[-1], StartedTurn)
    codes = {error.code for error in results if isinstance(error, DoorwardError)}
    assert codes <= {"turn_superseded"}
    await turns.house.chat.answer(ANNA, results[-1].turn_id)
    assert [words for _, words, _ in await turns.house.messages(SESSION)][-2:] == ["now 4", "to now 4"]
    assert turns.house.chat._places._running == {}


async def test_an_interrupt_waits_until_the_agents_side_has_ended_the_old_turn(turns: Turns) -> None:
    first = await turns.send("one")
    ended, order = asyncio.Event(), []

    async def stop(agent: str, session_id: str, **_: object) -> None:
        await ended.wait()
        order.append("stopped")

    turns.house.agent.stop = stop  # type: ignore[method-assign,assignment]
    now = turns.send("now", "interrupt")
    with pytest.raises(Conflict):
        await turns.house.chat.answer(ANNA, first.turn_id)
    await settled()
    assert len(turns.house.agent.calls) == 1
    ended.set()
    turns.end("now")
    await turns.house.chat.answer(ANNA, (await now).turn_id)
    assert order == ["stopped"]


async def test_where_nothing_runs_every_message_just_begins(turns: Turns) -> None:
    choices: list[OnBusy] = ["reject", "enqueue", "interrupt"]
    for on_busy in choices:
        turns.end(on_busy)
        started = await turns.send(on_busy, on_busy)
        await turns.house.chat.answer(ANNA, started.turn_id)
    assert turns.house.agent.stopped == []


async def test_the_configured_way_holds_unless_the_message_says_another(tmp_path: Path) -> None:
    async with opened(tmp_path, on_busy="enqueue") as house:
        turns = Turns(house)
        await turns.send("one")
        waits = turns.send("two", None)
        with pytest.raises(Conflict) as refused:
            await turns.send("three", "reject")
        assert refused.value.code == "turn_active"
        turns.end("one", "two")
        await house.chat.answer(ANNA, (await waits).turn_id)


async def test_another_users_conversation_of_the_same_name_is_not_waited_for(turns: Turns) -> None:
    await turns.send("one")
    turns.end("bens")
    bens = await turns.send("bens", "interrupt", user=BEN)
    assert (await turns.house.chat.answer(BEN, bens.turn_id)).response == "to bens"
    assert turns.house.agent.stopped == []


async def test_equal_sends_wait_once(turns: Turns) -> None:
    await turns.send("one")
    sending = Sending(on_busy="enqueue", key=SendKey(route="r", key="k", body=b"two"))
    equal = [
        asyncio.create_task(turns.house.chat.start(ANNA, "two", session_id=SESSION, request_id="r", sending=sending))
        for _ in range(10)
    ]
    await settled()
    turns.end("one", "two")
    assert len({started.turn_id for started in await asyncio.gather(*equal)}) == 1
    await turns.asked("one", "two")


async def test_at_shutdown_those_who_wait_are_sent_away(turns: Turns) -> None:
    await turns.send("one")
    waits = turns.send("two")
    await settled()
    await turns.house.chat.shutdown(0)
    with pytest.raises(StoreUnavailable) as closing:
        await waits
    assert closing.value.code == "server_closing"
    assert (await turns.house.messages(SESSION))[0] == ("user", "one", "complete")
