"""A process for each session: who shares what, how long it lives, and what its end takes with it. Real processes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from doorward.errors import AgentFailed, AgentUnreachable, ConfigurationError, TooManyRequests
from doorward.runtime import pool, warden, zygote
from doorward.runtime.tree import below, processes
from tests.journey.hosting import BOB, EXAMPLES, SESSION, Hosted, call, eventually, hosted, read, runs, until, written

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux parts sessions"),
]
TOUCHY = """
    import asyncio, os, subprocess, sys
    from pathlib import Path

    SEEN = []
    DAEMON = (
        "import os, time; os.fork() and os._exit(0); os.setsid(); "
        "open('it', 'w').write(str(os.getpid())); time.sleep(600)"
    )

    async def main(message):
        command, _, rest = message.partition(" ")
        if command == "remember":
            SEEN.append(rest)
            os.environ["SEEN"] = rest
            Path("seen").write_text(rest)
            return about(rest)
        if command == "wait":
            await asyncio.sleep(float(rest))
            return about()
        if command == "die":
            os._exit(3)
        if command == "hang":
            import time
            time.sleep(600)
        if command == "fill":
            kept = []
            while True:
                kept.append(bytearray(50_000_000))
        if command == "daemon":
            subprocess.run([sys.executable, "-c", DAEMON], check=True)
            while not Path("it").exists() or not Path("it").read_text():
                await asyncio.sleep(0.01)
            return about() | {"daemon": int(Path("it").read_text())}
        if command == "fork":
            for _ in range(int(rest)):
                subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            await asyncio.sleep(600)
        if command == "leave":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            return about() | {"child": child.pid}
        if command == "write":
            with open("large", "wb") as file:
                for _ in range(int(rest)):
                    file.write(b"x" * 1_000_000)
            await asyncio.sleep(600)
        return about()

    def about(*_):
        return {"pid": os.getpid(), "seen": list(SEEN), "env": os.environ.get("SEEN"), "cwd": os.getcwd(),
                "files": sorted(os.listdir(".")), "home": os.environ["HOME"], "tmp": os.environ["TMPDIR"]}
"""
OTHER = SESSION.replace("0", "f")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Hosted]:
    async with hosted(written(tmp_path, TOUCHY), tmp_path, isolation="session") as running:
        yield running


async def gone(house: Hosted, **which: Any) -> None:
    """Wait until that session has no process any more."""
    await eventually(lambda: not house.host.worker_pids, **which)


async def test_a_session_keeps_its_process_and_shares_it_with_no_other(house: Hosted) -> None:
    """AP-SES-06"""
    first = await house.answer("remember a canary")
    again = await house.answer("look")
    other = await house.answer("look", session=OTHER)
    foreign = await house.answer("look", who=BOB)
    assert (again["pid"], again["seen"], again["env"], again["files"]) == (
        first["pid"],
        ["a canary"],
        "a canary",
        ["seen"],
    )
    for one in (other, foreign):
        assert one["pid"] != first["pid"]
        assert (one["seen"], one["env"], one["files"]) == ([], None, [])
        assert one["cwd"] not in (first["cwd"], "/")
        assert one["cwd"] == one["home"] == one["tmp"]
    assert len({other["pid"], foreign["pid"]}) == 2


async def test_an_idle_session_ends_and_leaves_nothing(tmp_path: Path) -> None:
    async with hosted(written(tmp_path, TOUCHY), tmp_path, isolation="session", session_idle=0.3) as house:
        first = await house.answer("remember a canary")
        await gone(house)
        await eventually(lambda: not os.path.exists(first["cwd"]))  # noqa: PTH110
        assert not runs(first["pid"])
        again = await house.answer("look")
        assert (again["pid"] != first["pid"], again["seen"], again["files"]) == (True, [], [])


async def test_a_session_that_is_used_does_not_idle_and_an_old_one_is_replaced_between_turns(tmp_path: Path) -> None:
    async with hosted(
        written(tmp_path, TOUCHY), tmp_path, isolation="session", session_idle=0.2, session_life=1.0
    ) as house:
        first = await house.answer("wait 1.5")
        again = await house.answer("look")
        assert first["pid"] != again["pid"]


async def test_at_most_so_many_are_alive_and_the_longest_idle_goes_first(tmp_path: Path) -> None:
    async with hosted(written(tmp_path, TOUCHY), tmp_path, isolation="session", sessions=2) as house:
        first = await house.answer("look", session=SESSION)
        second = await house.answer("look", session=OTHER)
        assert (await house.answer("look", session=SESSION))["pid"] == first["pid"]
        third = await house.answer("look", who=BOB)
        assert set(house.host.worker_pids) == {first["pid"], third["pid"]}
        await eventually(lambda: not runs(second["pid"]))


async def test_when_all_are_busy_the_next_waits_and_is_refused_after_its_patience(tmp_path: Path) -> None:
    """F-27"""
    async with hosted(
        written(tmp_path, TOUCHY), tmp_path, isolation="session", sessions=1, session_patience=1.0, session_queue=1
    ) as house:
        busy = asyncio.create_task(house.answer("wait 0.5"))
        await eventually(lambda: bool(house.host.worker_pids))
        assert (await house.answer("look", session=OTHER))["seen"] == [], "it waited for its turn"
        await busy
        longer = asyncio.create_task(house.answer("wait 30"))
        await asyncio.sleep(0.2)
        waiting = asyncio.create_task(house.answer("look", session=OTHER))
        await asyncio.sleep(0.1)
        with pytest.raises(TooManyRequests) as refused:
            await house.answer("look", session=OTHER.replace("f", "e"))
        assert refused.value.code == "sessions_busy"
        with pytest.raises(AgentUnreachable):
            await waiting
        longer.cancel()
        await asyncio.gather(longer, return_exceptions=True)


async def test_a_storm_of_cold_starts_is_served_whole_and_another_user_is_not_held_up(tmp_path: Path) -> None:
    """F-27"""
    async with hosted(written(tmp_path, TOUCHY), tmp_path, isolation="session", sessions=8, session_queue=100) as house:
        names = [SESSION[:-3] + f"{number:03}" for number in range(40)]
        storm = [asyncio.create_task(house.answer("look", session=name)) for name in names]
        await asyncio.sleep(0)
        his = await house.answer("look", who=BOB)
        answers = await asyncio.gather(*storm)
        pids = [answer["pid"] for answer in answers]
        assert len(set(pids)) == len(names)
        assert sum(pid < his["pid"] for pid in pids) < len(pids) // 2, "his process was not the last to be made"
        assert len(house.host.worker_pids) <= 8


@pytest.mark.parametrize(
    ("bomb", "limit"), [("die now", ""), ("fill memory", ""), ("fork 40", "processes"), ("write 40", "disk")]
)
async def test_a_session_that_dies_or_takes_too_much_ends_alone(tmp_path: Path, bomb: str, limit: str) -> None:
    """F-23, AP-RUN-03"""
    allowed = {"session_memory": 300_000_000, "session_disk": 20_000_000}
    async with hosted(written(tmp_path, TOUCHY), tmp_path, isolation="session", **allowed) as house:
        other = await house.answer("look", session=OTHER)
        with capture_logs() as logs, pytest.raises((AgentUnreachable, AgentFailed)):
            async with asyncio.timeout(30):
                await house.answer(bomb)
        assert [entry["limit"] for entry in logs if entry["event"] == "session_over_limit"] in ([], [limit])
        assert (await house.answer("look", session=OTHER))["pid"] == other["pid"]
        assert (await house.answer("look"))["seen"] == []
        await eventually(lambda: not [pid for pid in below([os.getpid()], processes()) if sleeps(pid)])


def sleeps(pid: int) -> bool:
    """Whether it is a process that a bomb has started."""
    try:
        return b"time.sleep(600)" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


async def test_what_a_session_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    """A daemon that has parted from its parent, its group and its session."""
    async with hosted(written(tmp_path, TOUCHY), tmp_path, isolation="session", session_idle=0.5) as house:
        daemon = (await house.answer("daemon"))["daemon"]
        assert runs(daemon)
        await gone(house)
        await eventually(lambda: not runs(daemon))
        second = await house.answer("daemon")
        os.kill(second["pid"], signal.SIGKILL)
        await eventually(lambda: not runs(second["daemon"]))
        third = await house.answer("daemon")
        with pytest.raises((AgentUnreachable, AgentFailed)):
            await house.answer("die now")
        await eventually(lambda: not runs(third["daemon"]))


async def test_everything_ends_with_the_runtime(tmp_path: Path) -> None:
    async with hosted(written(tmp_path, TOUCHY), tmp_path, isolation="session") as house:
        daemon = (await house.answer("daemon"))["daemon"]
        pids = [*house.host.worker_pids, daemon]
    assert not [pid for pid in pids if runs(pid)]


async def test_a_warm_process_that_dies_is_replaced(house: Hosted) -> None:
    first = await house.answer("look")
    warm = processes()[first["pid"]].parent
    with capture_logs() as logs:
        os.kill(warm, signal.SIGKILL)
        await eventually(lambda: "worker_ended" in [entry["event"] for entry in logs])
        assert not runs(first["pid"])
        again = await house.answer("look")
    assert processes()[again["pid"]].parent != warm
    assert "worker_restarted" in [entry["event"] for entry in logs]


async def test_what_was_started_does_not_outlive_a_warm_process_that_dies(house: Hosted) -> None:
    """AP-ROG-01: its parents are dead, and nothing leads to it any more."""
    left = await house.answer("leave")
    other = await house.answer("daemon", session=OTHER)
    os.kill(other["pid"], signal.SIGKILL)
    await eventually(lambda: not runs(other["daemon"]))  # so the processes were looked at
    assert runs(left["child"])
    os.kill(processes()[left["pid"]].parent, signal.SIGKILL)
    await eventually(lambda: not runs(left["child"]))


async def test_an_answer_to_an_order_that_was_given_up_is_no_other_sessions_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AP-SES-06, F-27: a warm process that is held up answers late, to orders that nobody waits for any more."""
    monkeypatch.setattr(zygote, "FORK_SECONDS", 0.3)
    names = [letter * 36 for letter in "cdefgh"]
    async with hosted(written(tmp_path, TOUCHY), tmp_path, isolation="session") as house:
        first = await house.answer("look")
        warm = processes()[first["pid"]].parent
        os.kill(warm, signal.SIGSTOP)
        held_up = await asyncio.gather(*(house.answer("look", session=name) for name in names), return_exceptions=True)
        assert any(isinstance(one, AgentUnreachable) for one in held_up)
        os.kill(warm, signal.SIGCONT)
        for name in names:
            told = await house.answer("look", session=name)
            assert told["pid"] in house.host.worker_pids
            assert told["pid"] == (await house.answer("look", session=name))["pid"]
        assert len(house.host.worker_pids) == 1 + len(names)
        kept = len(names) + 1 + pool.SPARE
        await eventually(lambda: len(below([warm], processes())) == 1 + kept)


async def test_a_sweep_that_fails_is_told_and_the_next_one_holds_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AP-RUN-03: whatever one session has done, the others are watched."""
    async with hosted(written(tmp_path, TOUCHY), tmp_path, isolation="session") as house:
        with capture_logs() as logs:
            with monkeypatch.context() as trouble:
                trouble.setattr(warden, "takes_more", None)
                await eventually(lambda: "sweep_failed" in [entry["event"] for entry in logs])
                assert not await house.host.ready()
            with pytest.raises((AgentUnreachable, AgentFailed)):
                async with asyncio.timeout(30):
                    await house.answer("fork 40")
        assert await house.host.ready()


async def test_hanging_up_ends_the_run_and_the_session_goes_on(tmp_path: Path) -> None:
    async with hosted(EXAMPLES / "plain" / "agent.py:stream", tmp_path, isolation="session") as house:
        reply = await house.run("word " * 500)
        await until(reply, b"10. word")
        await reply.chunks.aclose()  # type: ignore[attr-defined]
        assert (await house.text("one")) == "1. one\n"


async def test_a_session_that_hangs_is_replaced_after_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.runtime.connection.PING_SECONDS", 0.3)
    async with hosted(written(tmp_path, TOUCHY), tmp_path, isolation="session", turn_timeout=1.0) as house:
        other = await house.answer("look", session=OTHER)
        with pytest.raises(Exception, match="in time"):
            await house.answer("hang")
        assert (await house.answer("look"))["seen"] == []
        assert (await house.answer("look", session=OTHER))["pid"] == other["pid"]


async def test_names_are_made_in_the_conversations_own_process(tmp_path: Path) -> None:
    async with hosted(EXAMPLES / "hello" / "agent.py", tmp_path, isolation="session") as house:
        await house.text("what time is it?")
        pids = house.host.worker_pids
        named = await house.host.run("doorward-titles", *_titles())
        assert (await read(named)) == {"name": "What time is it"}
        assert house.host.worker_pids == pids


def _titles() -> tuple[Any, Any]:
    from tests.journey.hosting import ANN  # noqa: PLC0415

    return ANN, call({"prompt": "What time is it?", "answer": "Late."}, accept="application/json")


async def test_an_agent_of_the_agentcore_sdk_has_a_process_for_each_session(tmp_path: Path) -> None:
    code = """
        import os
        from bedrock_agentcore import BedrockAgentCoreApp
        app = BedrockAgentCoreApp()
        @app.entrypoint
        def answer(payload, context):
            return {"pid": os.getpid(), "session": context.session_id}
    """
    async with hosted(written(tmp_path, code), tmp_path, isolation="session") as house:
        first, again = await house.answer("x"), await house.answer("x")
        other = await house.answer("x", session=OTHER)
        assert first == again
        assert first["pid"] != other["pid"]


async def test_a_closed_network_is_refused_where_it_cannot_be_closed(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        async with hosted(written(tmp_path, TOUCHY), tmp_path, isolation="shared", network="none"):
            pass
    assert refused.value.code == "isolation_impossible"
