"""Every interleaving of two clients, two keys, two bodies, an end, a crash and a day: the idempotency table holds.

A small model is explored exhaustively. Its one shared step, `begin`, is the store's own transaction, run on a real
database; what is modelled is what stands around it: clients that look before they begin, and processes that die.
"""

import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.contract.building import ANNA, BORIS

from doorward.errors import KeyReused
from doorward.model.chat import Idempotency, MessageStatus, NewTurn, TurnResult, TurnStatus
from doorward.stores.event_batch import packed
from doorward.stores.sqlite.migrate import MIGRATIONS, migrate
from doorward.stores.sqlite.turns import _begin, _begun_before, _finish
from doorward.stores.sqlite.writer import Transaction

DAY = 86400.0
STEPS = 6


@dataclass(frozen=True)
class Client:
    """One client: its owner, key and body, and how far it is. `answers` are the turns it was given, in order."""

    owner: str
    key: bytes
    body: bytes
    at: str = "idle"
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class World:
    """All that matters. `runs` are (owner, key, time) of every run of the agent; `began` says who holds a key."""

    clients: tuple[Client, ...]
    now: float = 0.0
    running: frozenset[str] = frozenset()
    runs: tuple[tuple[str, bytes, float], ...] = ()
    began: tuple[tuple[tuple[str, bytes], tuple[bytes, str, float]], ...] = ()
    number: int = 0

    def holder(self, client: Client) -> tuple[bytes, str] | None:
        """What the table must say about this client's key: the body and the turn, None when it is free."""
        for place, (body, turn, until) in self.began:
            if place == (client.owner, client.key) and (until > self.now or turn in self.running):
                return body, turn
        return None


def moves(world: World) -> Iterator[tuple[str, int]]:
    for index, client in enumerate(world.clients):
        yield ("look" if client.at == "idle" else "begin"), index
    if world.running:
        yield "end", 0
    yield "crash", 0
    yield "day", 0


def done(world: World, move: tuple[str, int], table: sqlite3.Connection) -> World:
    name, index = move
    match name:
        case "look":
            return looked(world, index, table)
        case "begin":
            return begun(world, index, table)
        case "end":
            (turn, *_) = sorted(world.running)
            _finish(Transaction(table), result(turn, world.now), packed(()))
            return replace(world, running=world.running - {turn})
        case "crash":
            # The process dies with all that it had in memory; its clients ask again. Start-up ends what ran.
            for turn in sorted(world.running):
                _finish(Transaction(table), result(turn, world.now), packed(()))
            clients = tuple(replace(client, at="idle") for client in world.clients)
            return replace(world, clients=clients, running=frozenset())
    return replace(world, now=world.now + DAY)


def looked(world: World, index: int, table: sqlite3.Connection) -> World:
    client = world.clients[index]

    def query(sql: str, parameters: object) -> list[tuple[object, ...]]:
        return table.execute(sql, parameters).fetchall()  # type: ignore[arg-type]

    said = answer_of(lambda: _begun_before(query, client.owner, key_of(client, world), world.now))
    expected = world.holder(client)
    assert said == verdict(expected, client), "a look says what the table must hold"
    return with_client(world, index, said) if said else with_client(world, index, None, at="looked")


def begun(world: World, index: int, table: sqlite3.Connection) -> World:
    client, known = world.clients[index], world.holder(world.clients[index])
    turn_id = f"turn-{world.number}"
    new = NewTurn(
        turn_id=turn_id, session_id=turn_id, owner=client.owner, message_id="m", message="hello", at=world.now,
        conversation_name="n", first_event=b"{}", request_id="r", idempotency=key_of(client, world),
    )  # fmt: skip
    said = answer_of(lambda: _begin(Transaction(table), new, "", b"\x91\xc4\x02{}"))
    assert said == (verdict(known, client) or turn_id), "a begin gives the turn that there is, or a new one"
    after = with_client(world, index, said)
    if said != turn_id:
        return after
    place = (client.owner, client.key)
    others = tuple(entry for entry in world.began if entry[0] != place)
    return replace(
        after,
        number=world.number + 1,
        running=world.running | {turn_id},
        runs=(*world.runs, (client.owner, client.key, world.now)),
        began=(*others, (place, (client.body, turn_id, world.now + DAY))),
    )


def key_of(client: Client, world: World) -> Idempotency:
    return Idempotency(client.key, client.body, world.now + DAY)


def verdict(held: tuple[bytes, str] | None, client: Client) -> str | None:
    if held is None:
        return None
    return held[1] if held[0] == client.body else "reused"


def answer_of(ask: object) -> str | None:
    try:
        turn = ask()  # type: ignore[operator]
    except KeyReused:
        return "reused"
    return turn.id if turn else None


def with_client(world: World, index: int, said: str | None, *, at: str = "idle") -> World:
    client = world.clients[index]
    answers = (*client.answers, said) if said else client.answers
    clients = (*world.clients[:index], replace(client, at=at, answers=answers), *world.clients[index + 1 :])
    return replace(world, clients=clients)


def result(turn_id: str, at: float) -> TurnResult:
    return TurnResult(
        turn_id=turn_id, status=TurnStatus.COMPLETED, message_id="a", content="", at=at,
        message_status=MessageStatus.COMPLETE,
    )  # fmt: skip


def explored(world: World, table: sqlite3.Connection, steps: int) -> int:
    """Walk every sequence of moves; how many worlds were seen. Each step is undone by its savepoint."""
    held(world)
    seen = 1
    if not steps:
        return seen
    for move in moves(world):
        table.execute("SAVEPOINT step")
        seen += explored(done(world, move, table), table, steps - 1)
        table.execute("ROLLBACK TO step")
        table.execute("RELEASE step")
    return seen


def held(world: World) -> None:
    """INVARIANTS: within a day a key runs the agent once; equal sends within it get one turn; nobody gets another's."""
    for place in {run[:2] for run in world.runs}:
        times = [at for owner, key, at in world.runs if (owner, key) == place]
        assert all(later - earlier >= DAY for earlier, later in itertools.pairwise(times)), world
    first, second = world.clients
    if world.now < DAY and (first.owner, first.key, first.body) == (second.owner, second.key, second.body):
        assert len({*first.answers, *second.answers}) <= 1, world
    if (first.owner, first.key) != (second.owner, second.key):
        assert not {*first.answers} & {*second.answers} - {"reused"}, world


@pytest.mark.parametrize(
    "second",
    [
        Client(ANNA, b"k", b"hello"),
        Client(ANNA, b"k", b"other"),
        Client(ANNA, b"l", b"hello"),
        Client(BORIS, b"k", b"hello"),
    ],
    ids=["an equal send", "another body", "another key", "another user"],
)
def test_every_interleaving_of_two_clients_keeps_one_run_per_key(second: Client, tmp_path: Path) -> None:
    """AP-LIM-06, F-17"""
    table = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)
    migrate(table, MIGRATIONS / "gateway")
    table.execute("BEGIN")

    seen = explored(World((Client(ANNA, b"k", b"hello"), second)), table, STEPS)

    table.close()
    assert seen > 4**STEPS


def test_the_model_sees_a_table_that_forgets_too_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)
    migrate(table, MIGRATIONS / "gateway")
    table.execute("BEGIN")
    monkeypatch.setattr("doorward.stores.sqlite.turns.keep_key", lambda *_: None)
    with pytest.raises(AssertionError):
        explored(World((Client(ANNA, b"k", b"hello"), Client(ANNA, b"k", b"hello"))), table, STEPS)
    table.close()


def test_old_keys_go_a_few_at_a_time_and_those_of_running_turns_stay(tmp_path: Path) -> None:
    table = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)
    migrate(table, MIGRATIONS / "gateway")

    def begin(number: int, at: float) -> None:
        new = NewTurn(
            turn_id=f"t{number}", session_id=f"s{number}", owner=ANNA, message_id="m", message="hello", at=at,
            conversation_name="n", first_event=b"{}", request_id="r",
            idempotency=Idempotency(b"%d" % number, b"", at + DAY),
        )  # fmt: skip
        _begin(Transaction(table), new, "", b"\x91\xc4\x02{}")

    for number in range(20):
        begin(number, 0.0)
        if number:
            _finish(Transaction(table), result(f"t{number}", 0.0), packed(()))
    left = []
    for number in range(20, 24):
        begin(number, 2 * DAY)
        left.append(table.execute("SELECT count(*) FROM idempotency").fetchone()[0])
    assert left == [13, 6, 4, 5]  # 8 go for each one that comes, until only the running one is left
    assert table.execute("SELECT turn_id FROM idempotency WHERE expires_at < ?", (2 * DAY,)).fetchall() == [("t0",)]
    table.close()
