"""Answers that outlive their reader: told again whole, to one reader or several, bounded in time and size."""

import asyncio
import tempfile
from collections.abc import AsyncIterator

import pytest

from doorward.errors import AgentFailed, AgentUnreachable, Conflict, NotFound
from doorward.model.agent import AgentReply
from doorward.runtime import kept
from doorward.runtime.kept import KeptRuns

pytestmark = pytest.mark.anyio
NAME = ("owner", "hello", "session", "turn")


class Agent:
    """An answer in steps: pieces, moments to wait for, errors. Notes whether its run was cancelled or hung up."""

    def __init__(self, *steps: bytes | asyncio.Event | Exception) -> None:
        self.steps = steps
        self.runs = 0
        self.cancelled = asyncio.Event()

    async def produce(self) -> AgentReply:
        self.runs += 1
        if self.steps and isinstance(self.steps[0], Exception):
            raise self.steps[0]
        return AgentReply(status=200, content_type="text/plain", session_id="session", chunks=self._chunks())

    async def _chunks(self) -> AsyncIterator[bytes]:
        try:
            for step in self.steps:
                match step:
                    case bytes():
                        yield step
                    case asyncio.Event():
                        await step.wait()
                    case error:
                        raise error
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled.set()
            raise


async def told(reply: AgentReply) -> bytes:
    async with asyncio.timeout(10):
        return b"".join([chunk async for chunk in reply.chunks])


async def hung_up(reply: AgentReply) -> None:
    await reply.chunks.aclose()  # type: ignore[attr-defined]


async def test_an_answer_is_told_again_from_its_first_byte_and_runs_once() -> None:
    """F-02"""
    runs, go = KeptRuns(), asyncio.Event()
    agent = Agent(b"one ", go, b"two")
    first = await runs.run(NAME, 60.0, agent.produce)
    assert await anext(first.chunks) == b"one "
    await hung_up(first)
    again = await runs.resume(NAME)
    third = await runs.resume(NAME)
    go.set()
    assert await told(again) == await told(third) == b"one two"
    assert await told(await runs.resume(NAME)) == b"one two", "and after its end"
    assert agent.runs == 1
    assert (first.status, first.content_type) == (again.status, again.content_type)
    await runs.close()


async def test_nobody_elses_name_finds_it() -> None:
    """AP-SES-04"""
    runs = KeptRuns()
    await told(await runs.run(NAME, 60.0, Agent(b"mine").produce))
    for name in (("other", *NAME[1:]), (*NAME[:2], "other", NAME[3]), (*NAME[:3], "other"), (*NAME[:3], "")):
        with pytest.raises(NotFound) as unknown:
            await runs.resume(name)
        assert unknown.value.code == "turn_not_kept"
    await runs.close()


async def test_a_run_that_nobody_reads_for_too_long_is_ended() -> None:
    runs = KeptRuns()
    agent = Agent(b"one", asyncio.Event())
    reply = await runs.run(NAME, 0.01, agent.produce)
    assert await anext(reply.chunks) == b"one"
    await hung_up(reply)
    await hung_up(reply)
    async with asyncio.timeout(10):
        await agent.cancelled.wait()
    await runs.close()


async def test_one_that_is_read_again_in_time_is_not_ended() -> None:
    runs, go = KeptRuns(), asyncio.Event()
    agent = Agent(b"one", go)
    await hung_up(await runs.run(NAME, 0.05, agent.produce))
    reader = await runs.resume(NAME)
    await asyncio.sleep(0.1)
    go.set()
    assert await told(reader) == b"one"
    assert not agent.cancelled.is_set()
    await runs.close()


async def test_a_caller_who_goes_before_the_first_byte_leaves_it_running() -> None:
    runs, go = KeptRuns(), asyncio.Event()
    agent = Agent(b"late")

    async def slow() -> AgentReply:
        await go.wait()
        return await agent.produce()

    calling = asyncio.create_task(runs.run(NAME, 60.0, slow))
    await asyncio.sleep(0)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    go.set()
    assert await told(await runs.resume(NAME)) == b"late"
    await runs.close()


@pytest.mark.parametrize("error", [AgentFailed("It failed."), AgentUnreachable("It broke off.")])
async def test_errors_are_told_again_too(error: Exception) -> None:
    runs = KeptRuns()
    with pytest.raises(type(error)):
        await runs.run(NAME, 60.0, Agent(error).produce)
    with pytest.raises(type(error)):
        await runs.resume(NAME)
    later = ("owner", "hello", "session", "later")
    for reply in (await runs.run(later, 60.0, Agent(b"half", error).produce), await runs.resume(later)):
        assert await anext(reply.chunks) == b"half"
        with pytest.raises(type(error)):
            await anext(reply.chunks)
    await runs.close()


async def test_ended_answers_are_bounded_in_number_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-14"""
    monkeypatch.setattr(kept, "ENDED_RUNS", 3)
    monkeypatch.setattr(kept, "ENDED_BYTES", 100)
    runs = KeptRuns()
    for number in range(5):
        await told(await runs.run((*NAME, str(number)), 60.0, Agent(b"x" * 10).produce))
    left = []
    for number in range(5):
        try:
            left.append(await told(await runs.resume((*NAME, str(number)))))
        except NotFound:
            left.append(b"")
    assert left == [b"", b"", *[b"x" * 10] * 3]
    await told(await runs.run((*NAME, "large"), 60.0, Agent(b"x" * 99).produce))
    with pytest.raises(NotFound):
        await runs.resume((*NAME, "4"))
    await runs.close()


async def test_ended_answers_go_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "ENDED_SECONDS", 0.01)
    runs = KeptRuns()
    await told(await runs.run(NAME, 60.0, Agent(b"x").produce))
    await asyncio.sleep(0.05)
    with pytest.raises(NotFound):
        await runs.resume(NAME)
    await runs.close()


async def test_a_long_answer_lies_in_a_file_and_is_told_whole() -> None:
    runs = KeptRuns()
    body = bytes(range(256)) * 4096
    agent = Agent(*(body[at : at + 100_000] for at in range(0, len(body), 100_000)))
    assert await told(await runs.run(NAME, 60.0, agent.produce)) == body
    assert await told(await runs.resume(NAME)) == body
    await runs.close()


async def test_closing_ends_what_runs() -> None:
    runs = KeptRuns()
    agent = Agent(b"one", asyncio.Event())
    reply = await runs.run(NAME, 60.0, agent.produce)
    assert await anext(reply.chunks) == b"one"
    await runs.close()
    assert agent.cancelled.is_set()
    with pytest.raises(AgentFailed) as stopped:
        await anext(reply.chunks)
    assert stopped.value.code == "session_stopped"


async def test_a_turn_that_runs_is_not_run_a_second_time_and_stays_to_be_read() -> None:
    """F-17"""
    runs, gate = KeptRuns(), asyncio.Event()
    agent = Agent(b"one", gate, b"two")
    first = await runs.run(NAME, 60.0, agent.produce)
    with pytest.raises(Conflict):
        await runs.run(NAME, 60.0, agent.produce)
    gate.set()
    assert await told(await runs.resume(NAME)) == await told(first) == b"onetwo"
    assert agent.runs == 1
    await runs.close()


async def test_an_answer_that_takes_an_earlier_ones_name_outlives_its_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "ENDED_SECONDS", 0.05)
    runs, gate = KeptRuns(), asyncio.Event()
    await told(await runs.run(NAME, 60.0, Agent(b"earlier").produce))
    second = await runs.run(NAME, 60.0, Agent(b"later", gate).produce)
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(0.2, passed.set)
    await passed.wait()
    again = await runs.resume(NAME)
    gate.set()
    assert await told(again) == await told(second) == b"later"
    await runs.close()


async def test_an_answer_that_cannot_be_kept_ends_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves nothing running that nobody reads."""
    monkeypatch.setattr(kept, "MEMORY_BYTES", 1)
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    agent, runs = Agent(b"a piece", asyncio.Event()), KeptRuns()
    reply = await runs.run(NAME, 60.0, agent.produce)
    with pytest.raises(AgentFailed) as caught:
        await told(reply)
    assert caught.value.code == "response_not_kept"
    async with asyncio.timeout(30):
        await agent.cancelled.wait()
    await runs.close()


async def test_a_run_that_is_closed_before_it_began_answers_all_the_same() -> None:
    runs = KeptRuns()
    asked = asyncio.ensure_future(runs.run(NAME, 60.0, Agent(b"never").produce))
    asyncio.get_running_loop().call_soon(lambda: [run.task.cancel() for run in runs._runs.values()])
    with pytest.raises(AgentFailed) as caught:
        async with asyncio.timeout(10):
            await asked
    assert caught.value.code == "session_stopped"
    await runs.close()


async def test_an_answer_that_breaks_in_an_unforeseen_way_is_not_told_as_whole() -> None:
    runs = KeptRuns()
    reply = await runs.run(NAME, 60.0, Agent(b"half", ValueError("a defect")).produce)
    with pytest.raises(AgentFailed):
        await told(reply)
    await runs.close()
