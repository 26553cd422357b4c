"""A real front door on a real server for tests of the handlers, with small services that keep everything in memory."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from doorward.errors import InvalidInput, NotFound, Unauthenticated
from doorward.front_door.check import Parts
from doorward.front_door.door import FrontDoor
from doorward.front_door.sessions import BrowserSessions, NoBrowserSessions
from doorward.http.protocol import strict_protocol
from doorward.http.routes import Route
from doorward.http.server import make_server
from doorward.model.budget import BudgetLeft
from doorward.model.chat import (
    Conversation,
    DayUsage,
    Message,
    MessageStatus,
    Page,
    Turn,
    TurnEvent,
    TurnStatus,
    Usage,
)
from doorward.model.ledger import ChainedEntry, ChainFault, LedgerEntry
from doorward.model.principals import User
from doorward.model.settings import FrontDoorSettings
from doorward.ports.services import PLAIN, Answer, Sending, StartedTurn

ISSUER = "http://issuer.test"
ANN = User(issuer=ISSUER, subject="ann", username="ann", email="ann@example.test", roles=frozenset({"operator"}))
BEN = User(issuer=ISSUER, subject="ben", username="ben")
SESSION = "a" * 40


class KnownTokens:
    """Takes ``token-of-ann`` and ``token-of-ben``."""

    async def verify(self, token: str) -> User:
        for user in (ANN, BEN):
            if token == f"token-of-{user.subject}":
                return user
        raise Unauthenticated("Nobody has this token.", code="token_signature")


class ListLedger:
    """Keeps entries in a list."""

    def __init__(self) -> None:
        self.kept: list[LedgerEntry] = []

    def enqueue(self, entry: LedgerEntry) -> None:
        self.kept.append(entry)

    async def append(self, entry: LedgerEntry) -> int:
        self.kept.append(entry)
        return len(self.kept)

    async def entries(self, *, after: int = 0, limit: int = 100) -> list[ChainedEntry]:
        del after, limit
        return []

    async def verify(self) -> ChainFault | None:
        return None


class MemoryChat:
    """Answers with the message itself. `hold` keeps turns running until it is set; `failure` ends them badly."""

    def __init__(self) -> None:
        self.turns: dict[str, Turn] = {}
        self.log: dict[str, list[TurnEvent]] = {}
        self.said: dict[str, str] = {}
        self.sendings: list[Sending] = []
        self.failure: Exception | None = None
        self.hold: asyncio.Event | None = None
        self.waiting: asyncio.Event | None = None
        self.heartbeat = 0.05
        self.listening = 0
        self.left = asyncio.Event()

    async def start(
        self, user: User, message: str, *, session_id: str | None, request_id: str, sending: Sending = PLAIN
    ) -> StartedTurn:
        del request_id
        self.sendings.append(sending)
        turn_id = hashlib.sha256(f"{len(self.turns)}".encode()).hexdigest()[:32]
        session = session_id or SESSION
        self.turns[turn_id] = Turn(
            id=turn_id, session_id=session, owner=user.key, status=TurnStatus.RUNNING, started_at=1_700_000_000.0
        )
        self.said[turn_id] = message
        self.log[turn_id] = events_of(["RUN_STARTED", "TEXT_MESSAGE_CONTENT", "RUN_FINISHED"], message)
        return StartedTurn(turn_id=turn_id, session_id=session)

    async def answer(self, user: User, turn_id: str) -> Answer:
        if self.failure is not None:
            raise self.failure
        if self.waiting is not None:
            await self.waiting.wait()
        turn = self._own(user, turn_id)
        return Answer(response=self.said[turn_id], session_id=turn.session_id, turn_id=turn_id, usage=Usage())

    async def events(self, user: User, turn_id: str, *, after: int) -> AsyncIterator[list[TurnEvent]]:
        self._own(user, turn_id)
        return self._follow(turn_id, after)

    async def _follow(self, turn_id: str, after: int) -> AsyncIterator[list[TurnEvent]]:
        self.listening += 1
        try:
            found = [event for event in self.log[turn_id] if event.sequence > after]
            if found:
                yield found
            while self.hold is not None and not self.hold.is_set():
                try:
                    async with asyncio.timeout(self.heartbeat):
                        await self.hold.wait()
                except TimeoutError:
                    yield []
        finally:
            self.listening -= 1
            self.left.set()

    async def turn(self, user: User, turn_id: str) -> Turn:
        return self._own(user, turn_id)

    async def cancel(self, user: User, turn_id: str) -> Turn:
        turn = self._own(user, turn_id)
        changed = msgspec.structs.replace(
            turn, status=TurnStatus.CANCELLED, finished_at=1_700_000_001.5, error_code="turn_cancelled"
        )
        self.turns[turn_id] = changed
        return changed

    def _own(self, user: User, turn_id: str) -> Turn:
        turn = self.turns.get(turn_id)
        if turn is None or turn.owner != user.key:
            raise NotFound("There is no such turn.")
        return turn


def events_of(kinds: Sequence[str], text: str) -> list[TurnEvent]:
    return [
        TurnEvent(number, msgspec.json.encode({"type": kind, "delta": text})) for number, kind in enumerate(kinds, 1)
    ]


class MemoryConversations:
    """Conversations in a dictionary by owner and id; a cursor is the index to go on at."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Conversation] = {}
        self.messages: dict[tuple[str, str], list[Message]] = {}

    def put(self, user: User, session_id: str, name: str, contents: Iterable[str] = ()) -> None:
        texts = list(contents)
        self.kept[user.key, session_id] = Conversation(
            session_id=session_id,
            owner=user.key,
            name=name,
            renamed=False,
            created_at=1_700_000_000.0,
            updated_at=1_700_000_000.0 + len(self.kept) + 0.25,
            message_count=len(texts),
        )
        self.messages[user.key, session_id] = [
            Message(
                id=f"m{position}",
                session_id=session_id,
                position=position,
                role="user" if position % 2 else "assistant",
                content=content,
                timestamp=1_700_000_000.0 + position,
                turn_id="t1",
                status=MessageStatus.COMPLETE,
            )
            for position, content in enumerate(texts, 1)
        ]

    async def page(self, user: User, *, limit: int, cursor: str | None, query: str | None) -> Page[Conversation]:
        mine = [item for (owner, _), item in self.kept.items() if owner == user.key and (query or "") in item.name]
        mine.sort(key=lambda item: -item.updated_at)
        start = place(cursor)
        return Page(mine[start : start + limit], str(start + limit) if start + limit < len(mine) else None)

    async def read(
        self, user: User, session_id: str, *, limit: int, cursor: str | None, newest_first: bool
    ) -> Page[Message]:
        self._own(user, session_id)
        found = self.messages[user.key, session_id]
        start = place(cursor) if cursor else max(0, len(found) - limit) if newest_first else 0
        end = start + limit
        return Page(
            found[start:end], str(end) if end < len(found) else None, str(max(0, start - limit)) if start else None
        )

    async def rename(self, user: User, session_id: str, name: str) -> Conversation:
        changed = msgspec.structs.replace(self._own(user, session_id), name=name, renamed=True)
        self.kept[user.key, session_id] = changed
        return changed

    async def delete(self, user: User, session_id: str) -> None:
        self._own(user, session_id)
        del self.kept[user.key, session_id]

    async def export(self, user: User, session_id: str) -> tuple[Conversation, AsyncIterator[list[Message]]]:
        conversation = self._own(user, session_id)

        async def pages() -> AsyncIterator[list[Message]]:
            for message in self.messages[user.key, session_id]:
                yield [message]

        return conversation, pages()

    def _own(self, user: User, session_id: str) -> Conversation:
        found = self.kept.get((user.key, session_id))
        if found is None:
            raise NotFound("There is no such conversation.")
        return found


def place(cursor: str | None) -> int:
    """The index in a cursor of ours."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 9):
        raise InvalidInput("This cursor is not one of ours.", code="invalid_cursor")
    return int(cursor or 0)


class TodayOnly:
    """A usage report of one day."""

    left: BudgetLeft | None = None

    async def report(self, user: User) -> list[DayUsage]:
        del user
        return [DayUsage(day="2026-01-02", turns=3, input_tokens=10, output_tokens=20)]

    async def budget(self, user: User) -> BudgetLeft | None:
        del user
        return self.left


class Caller:
    """An HTTP client of one user, or of nobody."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self.url = url

    async def __call__(
        self, method: str, path: str, *, user: User | None = ANN, **options: Any
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body."""
        headers = dict(options.pop("headers", {}))
        if user is not None:
            headers["authorization"] = f"Bearer token-of-{user.subject}"
        async with self._http.request(
            method, self.url + path, headers=headers, allow_redirects=False, **options
        ) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.read()

    def open(self, method: str, path: str, *, user: User = ANN, **options: Any) -> Any:
        """The answer as it comes, for streams."""
        headers = {**options.pop("headers", {}), "authorization": f"Bearer token-of-{user.subject}"}
        return self._http.request(method, self.url + path, headers=headers, **options)


@asynccontextmanager
async def front_door(
    routes: Iterable[Route] | Callable[[str], Iterable[Route]],
    *,
    sessions: BrowserSessions | None = None,
    settings: FrontDoorSettings | None = None,
) -> AsyncIterator[Caller]:
    """The door around `routes` (or around what they are for a URL), listening on a free port, with a client."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    parts = Parts(
        settings=settings or FrontDoorSettings(),
        public_url=url,
        verifier=KnownTokens(),
        ledger=ListLedger(),
        sessions=sessions or NoBrowserSessions(),
    )
    door = FrontDoor(routes(url) if callable(routes) else routes, parts)
    server = make_server(door, protocol=strict_protocol(), grace=1.0)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            yield Caller(http, url)
    finally:
        server.stop()
        await serving
