"""A real agent door on a loopback port, with SQLite beneath it and a runtime that counts its runs."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import aiohttp
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import doorward.stores.sqlite
from doorward.agent_door.checks.signature import WorkloadKey
from doorward.agent_door.guard import AgentDoor, Parts, user_door, workload_door
from doorward.agent_door.knock import Knock
from doorward.agent_door.memory.door import MemoryParts
from doorward.errors import DoorwardError, Unauthenticated
from doorward.http.asgi import App
from doorward.identity.sigv4 import Credentials, Head, sign
from doorward.identity.turn_tokens import SignedTurnTokens
from doorward.model.agent import AgentCall, AgentReply
from doorward.model.ledger import LedgerEntry
from doorward.model.principals import Principal, TurnIdentity, User, Workload
from doorward.model.secret import Secret
from doorward.model.settings import AgentSettings, MemorySettings
from doorward.stores.sqlite.cursor_key import load_cursors
from doorward.stores.sqlite.database import SqliteDatabase
from doorward.stores.sqlite.ledger import SqliteLedger
from doorward.stores.sqlite.memory import SqliteMemory
from doorward.stores.sqlite.replay import SqliteReplay

REGION = "us-east-1"
ARN = "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/hello"
PATH = "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A000000000000%3Aruntime%2Fhello/invocations"
SESSION = "session-0000000000000000000000000001"
SESSION_HEADER = "x-amzn-bedrock-agentcore-runtime-session-id"
USER_HEADER = "x-amzn-bedrock-agentcore-runtime-user-id"
TURN_HEADER = "x-amzn-bedrock-agentcore-runtime-custom-turn-token"
ALICE = User(issuer="https://issuer.test", subject="alice", username="alice")
BOB = User(issuer="https://issuer.test", subject="bob", username="bob")
USER_TOKEN = "eyJhbGciOiJSUzI1NiJ9.alices-own-token.signature"
ORIGIN = "http://127.0.0.1:8000"
MIGRATIONS = Path(doorward.stores.sqlite.__file__).parent / "migrations" / "runtime"

CHAT = Credentials("AKCHAT00000000000001", Secret("chat's secret"))
JOBS = Credentials("AKJOBS00000000000001", Secret("jobs' secret"))


class CountingRuntime:
    """Answers with `answer`, or raises `error`; remembers who ran what."""

    def __init__(self) -> None:
        self.forgotten: list[tuple[str, Principal, str]] = []
        self.runs: list[tuple[str, Principal, AgentCall]] = []
        self.stops: list[tuple[str, Principal, str]] = []
        self.answer: list[bytes] = [b'{"response":"hi"}']
        self.content_type = "application/json"
        self.error: DoorwardError | None = None
        self.breaks: DoorwardError | None = None
        self.blocks = False
        self.is_ready = True
        self.started = asyncio.Event()
        self.closed = asyncio.Event()

    async def run(self, agent: str, caller: Principal, call: AgentCall) -> AgentReply:
        self.runs.append((agent, caller, call))
        if self.error is not None:
            raise self.error
        return AgentReply(status=200, content_type=self.content_type, session_id=call.session_id, chunks=self._chunks())

    async def _chunks(self) -> AsyncIterator[bytes]:
        try:
            for chunk in self.answer:
                yield chunk
            if self.breaks is not None:
                raise self.breaks
            if self.blocks:
                self.started.set()
                await asyncio.Event().wait()
        finally:
            self.closed.set()

    async def stop(self, agent: str, caller: Principal, session_id: str) -> bool:
        self.stops.append((agent, caller, session_id))
        return True

    async def forget(self, agent: str, caller: Principal, session_id: str) -> None:
        self.forgotten.append((agent, caller, session_id))

    async def ready(self) -> bool:
        return self.is_ready


class Users:
    """A verifier that knows one token."""

    async def verify(self, token: str) -> User:
        if token != USER_TOKEN:
            raise Unauthenticated("The token does not hold.", code="token_signature")
        return ALICE


class Clock:
    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset


class World:
    """What stands around one door. `restart` opens its files anew, as a new process does."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.clock = Clock()
        self.runtime = CountingRuntime()
        self.memory_keys: list[WorkloadKey] = []
        self.memories: tuple[MemorySettings, ...] = ()
        self.settings = AgentSettings(**settings)
        self.tokens = SignedTurnTokens("doorward.test", Ed25519PrivateKey.generate(), self.clock)
        self._path = folder / "runtime.db"
        self._open()

    def _open(self) -> None:
        self.database = SqliteDatabase(self._path, MIGRATIONS)
        self.ledger = SqliteLedger(self.database)
        self.replay = SqliteReplay(self.database, self.clock)
        self.memory = SqliteMemory(self.database, load_cursors(self.database), self.clock)

    def restart(self) -> None:
        self.database.close()
        self._open()

    def close(self) -> None:
        self.database.close()

    def parts(self) -> Parts:
        return Parts(
            settings=self.settings,
            agents=frozenset({"hello", "other"}),
            runtime=self.runtime,
            memory=MemoryParts(memories=self.memories, store=self.memory, keys=self.memory_keys),
            ledger=self.ledger,
            turn_tokens=self.tokens,
            clock=self.clock,
        )

    def workload_door(self) -> AgentDoor:
        granted = frozenset({"hello", "gone"})
        chat = Workload(key_id=CHAT.key_id, name="chat", may_invoke=granted, may_act_for_users=True)
        jobs = Workload(key_id=JOBS.key_id, name="jobs", may_invoke=granted)
        keys = [WorkloadKey(chat, CHAT.secret), WorkloadKey(jobs, JOBS.secret)]
        return workload_door(self.parts(), keys=keys, replay=self.replay)

    def user_door(self, *, origins: Iterable[str] = (ORIGIN,)) -> AgentDoor:
        return user_door(self.parts(), verifier=Users(), for_users=["hello"], origins=origins)

    def turn_token(
        self, user: User = ALICE, *, session: str = SESSION, audience: str = ARN, actor: str = "chat"
    ) -> str:
        return self.tokens.mint(
            TurnIdentity(
                issuer=user.issuer,
                subject=user.subject,
                actor=actor,
                session_id=session,
                turn_id="turn-1",
                audience=audience,
                expires_at=self.clock() + 60,
            )
        )

    async def entries(self) -> list[LedgerEntry]:
        """All entries; those that were only queued are written before this one question's own write returns."""
        await self.replay.first_use("a question of the test", until=self.clock() + 60)
        return [chained.entry for chained in await self.ledger.entries(limit=1000)]

    async def verdicts(self) -> list[tuple[str, str]]:
        return [(entry.verdict, entry.code) for entry in await self.entries()]


@contextlib.asynccontextmanager
async def world(folder: Path, **settings: object) -> AsyncIterator[World]:
    built = World(folder, **settings)
    try:
        yield built
    finally:
        built.close()


@contextlib.asynccontextmanager
async def served(app: App) -> AsyncIterator[str]:
    """The app on a free loopback port; yields its URL."""
    listening = socket.create_server(("127.0.0.1", 0))
    # As the product's server has it: otherwise an answer waits 40 ms for the client's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(
        uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False)
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        async with asyncio.timeout(10):
            await task
        listening.close()


@contextlib.asynccontextmanager
async def knocking(url: str, built: World, credentials: Credentials | None = CHAT) -> AsyncIterator[Knock]:
    knock = Knock(url, built.settings, credentials=credentials, clock=built.clock)
    try:
        yield knock
    finally:
        await knock.close()


@contextlib.asynccontextmanager
async def http(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(url, skip_auto_headers=("accept", "user-agent", "content-type")) as session:
        yield session


def call(**changes: object) -> AgentCall:
    return AgentCall(**{"agent": ARN, "session_id": SESSION, "payload": b'{"prompt":"hi"}', **changes})


def signed(
    url: str, built: World, *extra: tuple[str, str], key: Credentials = CHAT, body: bytes = b"{}", path: str = PATH
) -> dict[str, str]:
    """The headers of an invocation (query ``qualifier=DEFAULT``), signed with the extra ones."""
    headers = [("host", url.removeprefix("http://")), (SESSION_HEADER, SESSION), *extra]
    head = Head("POST", path, "qualifier=DEFAULT", headers)
    return dict([*headers, *sign(head, body, key, region=REGION, at=built.clock())])
