"""What an attack has to work with: the target, the wire, users who can sign in, counters of what really happened."""

import asyncio
import itertools
import json
import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from msgspec import Struct

from doorward.model.secret import Secret
from doorward.probe.finding import Finding, inconclusive
from doorward.probe.sign_in import Tokens, tokens_for
from doorward.probe.target import Target
from doorward.probe.wire import Bounds, Header, ProbeError, Reply, Wire

T = TypeVar("T")
SESSION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
JSON: Header = ("Content-Type", "application/json")


class Counted(Struct, frozen=True):
    """What was done, and how many times the agent ran meanwhile: None when nobody counts."""

    replies: list[Reply]
    runs: float | None


class Lab:
    """One target under attack. Tokens are got once and kept; `withheld` maps each to a name, so that no report shows
    one. `sessions` are the conversations that chats of this lab were part of."""

    def __init__(self, target: Target, bounds: Bounds | None = None) -> None:
        self.target = target
        self.bounds = bounds or Bounds()
        self.wire = Wire(_hosts(target), self.bounds)
        self.withheld: dict[str, str] = {}
        self.sessions: list[str] = []
        self._tokens: dict[int, Tokens] = {}
        self._numbers = itertools.count(1)
        self._found: dict[str, Any] = {}
        self._chat_works: Finding | None = None
        self._chat_was_tried = False

    # -- users ------------------------------------------------------------------------------------------------------

    async def tokens(self, user: int = 0) -> Tokens:
        """The tokens of a user, by signing in once. `ProbeError` when the target has no such user."""
        if user not in self._tokens:
            if user >= len(self.target.users):
                raise ProbeError(f"the target names no user {user + 1}")
            self._tokens[user] = await self.fresh_tokens(user)
        return self._tokens[user]

    async def fresh_tokens(self, user: int = 0) -> Tokens:
        """Sign in anew."""
        tokens = await tokens_for(self.target.sign_in, self.target.users[user], self.wire)
        for name, token in tokens.named().items():
            self.withhold(token.reveal(), f"user-{user + 1}-{name}")
        return tokens

    def withhold(self, secret: str, name: str) -> None:
        """Show `<name>` in place of this in every report."""
        if secret:
            self.withheld[secret] = f"<{name}>"

    async def bearer(self, user: int = 0) -> Header:
        """The Authorization header of a user."""
        return ("Authorization", f"Bearer {(await self.tokens(user)).access.reveal()}")

    async def once(self, name: str, find: Callable[[], Awaitable[T]]) -> T:
        """What `find` found when it was first called under this name: attacks share what they learn of the target."""
        if name not in self._found:
            self._found[name] = await find()
        found: T = self._found[name]
        return found

    # -- the ways in ------------------------------------------------------------------------------------------------

    def chat_url(self) -> str:
        """Where a normal chat goes: the front door, or the agent itself where there is no front door."""
        if not self.target.front_door or self.target.pattern == "direct":
            return self.agent_urls()[0]
        return self.target.front_door.rstrip("/") + self.target.chat.path

    def agent_urls(self) -> list[str]:
        """The agent's endpoints as an attacker knows them. `ProbeError` when none is known."""
        urls = list(self.target.agent_urls)
        if self.target.agent_door and self.target.agent_arn:
            arn = quote(self.target.agent_arn, safe="")
            urls.insert(0, f"{self.target.agent_door.rstrip('/')}/runtimes/{arn}/invocations?qualifier=DEFAULT")
        if not urls:
            raise ProbeError("no address of the agent is known")
        return urls

    def token_url(self) -> str:
        """A URL that takes a user's token: the cheap `whoami` if there is one, else the chat."""
        return self.target.front_door.rstrip("/") + self.target.whoami if self.target.whoami else self.chat_url()

    async def chat(
        self, headers: Iterable[Header], *, prompt: str = "", session_id: str = "", stream: bool = False
    ) -> Reply:
        """A chat as the target's own page would send it, with these headers."""
        if self.chat_url() in self._agent_urls_or_none():
            return await self.knock(headers, prompt=prompt, session_id=session_id)
        body = {self.target.chat.prompt_field: prompt or self.target.chat.prompt}
        if session_id and self.target.chat.session_field:
            body[self.target.chat.session_field] = session_id
        accept = ("Accept", "text/event-stream" if stream else "application/json")
        reply = await self.wire.send("POST", self.chat_url(), [JSON, accept, *headers], json.dumps(body).encode())
        self._note_session(reply)
        return reply

    def _note_session(self, reply: Reply) -> None:
        """Keep the id of the conversation that a chat was part of, so that a caller can remove what it made."""
        try:
            found = json.loads(reply.body).get(self.target.chat.session_field)
        except (ValueError, AttributeError):
            return
        if isinstance(found, str) and found not in self.sessions:
            self.sessions.append(found)

    async def knock(self, headers: Iterable[Header], *, url: str = "", prompt: str = "", session_id: str = "") -> Reply:
        """Straight to the agent, around everything before it."""
        url = url or self.agent_urls()[0]
        given = list(headers)
        if not any(name.lower() == SESSION_HEADER.lower() for name, _ in given):
            given.append((SESSION_HEADER, session_id or self.session_id()))
        body = json.dumps({"prompt": prompt or self.target.chat.prompt}).encode()
        return await self.wire.send("POST", url, [JSON, ("Accept", "application/json"), *given], body)

    async def present(self, headers: Iterable[Header]) -> Reply:
        """Show a credential where users' credentials are taken, as cheaply as the target allows."""
        if self.target.whoami:
            return await self.wire.send("GET", self.token_url(), headers)
        return await self.chat(headers)

    def session_id(self) -> str:
        """A fresh session id in AgentCore's safe form, 33 to 100 characters."""
        return f"probe-{next(self._numbers):06}-{secrets.token_hex(16)}"

    # -- what really happened ---------------------------------------------------------------------------------------

    async def chat_works(self) -> Finding | None:
        """The control of most attacks: the first user's normal chat is answered. None when it is; tried once."""
        if not self._chat_was_tried:
            self._chat_was_tried = True
            reply = await self.chat([await self.bearer()])
            if not self.answered(reply):
                self._chat_works = inconclusive("The normal chat of a signed-in user was not answered.", reply)
        return self._chat_works

    def answered(self, reply: Reply) -> bool:
        """Whether this is an agent's answer: a success that holds the canary, if the target has one."""
        return 200 <= reply.status < 300 and self.target.chat.canary.lower() in reply.text.lower()

    async def runs(self) -> float | None:
        """How often the agent has run, by the house's own counter; None when the probe may not see one."""
        total, seen = 0.0, False
        for url in self.target.metrics:
            for line in (await self.wire.send("GET", url)).text.splitlines():
                if line.startswith("doorward_agent_runs_total{") and "doorward-titles" not in line:
                    total, seen = total + float(line.rsplit(" ", 1)[1]), True
        return total if seen or self.target.metrics else None

    async def counted(self, act: Callable[[], Awaitable[list[Reply]]]) -> Counted:
        """Do something and count the agent's runs meanwhile."""
        before = await self.runs()
        replies = await act()
        after = await self.runs()
        return Counted(replies, None if before is None or after is None else after - before)

    def ran(self, counted: Counted) -> bool:
        """Whether the agent ran: by the counter where there is one, else by what came back."""
        if counted.runs is not None:
            return counted.runs > 0
        return any(self.answered(reply) for reply in counted.replies)

    async def together(self, tasks: Iterable[Awaitable[T]], *, at_once: int = 32) -> list[T]:
        """Run these, at most `at_once` at a time."""
        gate = asyncio.Semaphore(at_once)

        async def one(task: Awaitable[T]) -> T:
            async with gate:
                return await task

        return list(await asyncio.gather(*(one(task) for task in tasks)))

    def _agent_urls_or_none(self) -> list[str]:
        try:
            return self.agent_urls()
        except ProbeError:
            return []


def _hosts(target: Target) -> frozenset[str]:
    urls = [
        target.front_door,
        target.agent_door,
        target.websocket_url,
        target.sign_in.issuer,
        target.sign_in.authorize_endpoint,
        target.sign_in.token_endpoint,
        target.sign_in.cognito_url,
        *target.agent_urls,
        *target.metrics,
    ]
    hosts = set()
    for url in filter(None, urls):
        parts = urlsplit(url)
        hosts.add(f"{parts.hostname}:{parts.port or (443 if parts.scheme in ('https', 'wss') else 80)}")
    return frozenset(hosts)


def secret(value: str) -> Secret:
    """A secret of the attacker's own making."""
    return Secret(value)
