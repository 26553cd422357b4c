"""A small deployment for tests of attacks on the surface: sound as it stands, and each flaw breaks one defence of it.

It has a sign-in, a front door with who-am-I, a chat, conversations, turns and browser sessions, and an agent."""

import asyncio
import gzip
import json
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.unit.probe.sloppy_sign_in import REDIRECT, Answer, Request, SignInDesk, as_json, csrf, no, refusal, unique

from doorward.http.asgi import Receive, Scope, Send
from doorward.model.secret import Secret
from doorward.probe.target import Account, Chat, SignIn, Target

CANARY = "the sloppy agent"
LIMIT = 40
STREAMS = 3


class Sloppy(SignInDesk):
    """`flaws` are names; without any it is sound."""

    def __init__(self, *flaws: str, limited: bool = False) -> None:
        super().__init__(*flaws)
        self.limited = limited
        self.memory: dict[str, str] = {}
        self.conversations: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, Answer] = {}
        self.spent: dict[str, int] = {}
        self.streams: dict[str, int] = {}
        self.number = 0

    def target(self, **changes: Any) -> Target:
        fields: dict[str, Any] = {
            "name": "sloppy",
            "front_door": self.url,
            "agent_urls": (f"{self.url}/agent",),
            "whoami": "/whoami",
            "history": "/conversations",
            "turns": "/turns",
            "session_sign_in": "/session/sign-in",
            "session_sign_out": "/session/sign-out",
            "sign_in": SignIn(
                kind="code",
                issuer=self.url,
                authorize_endpoint=f"{self.url}/authorize",
                token_endpoint=f"{self.url}/token",
                client_id="page",
                redirect_uri=REDIRECT,
            ),
            "chat": Chat(path="/chat", canary=CANARY, slow_prompt="please wait"),
            "users": tuple(Account(username=name, password=Secret(word)) for name, word in self.users.items()),
        }
        return Target(**{**fields, **changes})

    # -- the server ---------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        status, headers, answer = await self.answer(Request(scope, body))
        fields = [(b"content-length", str(len(answer)).encode())]
        fields += [(k.lower().encode(), v.encode("latin-1", "replace")) for k, v in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": answer})

    async def answer(self, request: Request) -> Answer:
        refused = self.at_the_edge(request)
        if refused is not None:
            return refused
        path = self.path_of(request)
        handler = self.routes().get(path)
        if handler is None:
            return await self.beneath(request, path)
        return await handler(request)

    def path_of(self, request: Request) -> str:
        if self.has("routes on decoded paths"):
            return "/" + "/".join(
                part.partition(";")[0] for part in unquote(request.path).split("/") if part not in ("", ".")
            )
        return (request.header("x-original-url") if self.has("routes on x-original-url") else "") or request.path

    def at_the_edge(self, request: Request) -> Answer | None:
        self.log.append(f"{request.method} {request.path} {request.header('user-agent')}")
        if self.has("logs raw headers"):
            self.log.append(unquote(request.path) + " " + request.header("x-request-id"))
        if self.has("logs requests"):
            self.log.append(f"{request.header('authorization')} {request.body.decode('latin-1')}")
        names = [name for name, _ in request.fields]
        if len(set(names)) != len(names) and not self.has("takes repeated headers"):
            return refusal(400)
        if not self.has("has no size limits") and (
            len(names) > 64 or sum(len(n) + len(v) for n, v in request.fields) > 16000 or len(request.body) > 70_000
            or len(request.path) + len(str(request.query)) > 4096
        ):  # fmt: skip
            return refusal(413)
        if request.header("host") != urlsplit(self.url).netloc and not self.has("answers to any host"):
            return refusal(421)
        origin = request.header("origin")
        if origin and origin != self.url and not self.has("allows any origin"):
            return refusal(403)
        return None

    def routes(self) -> dict[str, Callable[[Request], Any]]:
        found = {
            "/": self.page, "/whoami": self.whoami, "/chat": self.chat, "/agent": self.agent,
            "/conversations": self.listed, "/authorize": self.authorize, "/token": self.token,
            "/session/sign-in": self.begin, "/session/callback": self.callback, "/session/sign-out": self.leave,
        }  # fmt: skip
        if self.has("shows the environment"):
            found["/env"] = self.environment
        if self.has("serves administrators' routes"):
            found["/api/admin/users"] = self.environment
        return found

    async def page(self, _: Request) -> Answer:
        return 200, {"content-type": "text/html"}, b"<p>hello</p>"

    async def environment(self, _: Request) -> Answer:
        return as_json({"DATABASE": "x"})

    # -- who is it ----------------------------------------------------------------------------------------------------

    def user(self, request: Request) -> str:
        if self.has("believes x-user") and request.header("x-user"):
            return request.header("x-user")
        credentials = request.all("authorization")
        if credentials:
            word = credentials[-1].removeprefix("Bearer ")
            return self.tokens.get(word, "")
        if self.has("authorizes on the raw path") and request.path != "/whoami":
            return "user-one"
        if self.has("lets health checkers in") and "HealthChecker" in request.header("user-agent"):
            return "user-one"
        named = [value for name, value in request.cookies() if name == "sid"]
        return self.sessions.get(named[0], "") if len(named) == 1 or (named and self.has("takes two cookies")) else ""

    def forged(self, request: Request) -> bool:
        """A change by cookie needs the CSRF token."""
        if request.header("authorization") or self.has("needs no csrf token"):
            return False
        return request.header("x-csrf-token") != csrf(dict(request.cookies()).get("sid", ""))

    async def counted(self, user: str) -> dict[str, str] | None:
        """The rate limit: 40 in an hour."""
        if self.has("counts nothing"):
            return {}
        spent = self.spent.get(user, 0)
        if self.has("counts too late"):
            await asyncio.sleep(0.05)
        headers = {
            "ratelimit-policy": f'"user";q={LIMIT};w=3600',
            "ratelimit": f'"user";r={max(0, LIMIT - spent - 1)};t=9',
        }
        if spent >= LIMIT and not self.has("advertises but does not enforce"):
            return None
        self.spent[user] = spent + 1
        return headers

    async def whoami(self, request: Request) -> Answer:
        user = self.user(request)
        if request.method not in ("GET", "HEAD") and not self.has("takes any method"):
            return refusal(405)
        if not user and not (self.has("takes any method") and request.method != "GET"):
            return refusal(401)
        headers = await self.counted(user) if self.limited else {}
        if headers is None:
            return refusal(429)
        reflected = {"x-request-id": request.header("x-request-id")} if self.has("reflects request ids") else {}
        cors = {"access-control-allow-origin": request.header("origin")} if self.has("allows any origin") else {}
        sid = dict(request.cookies()).get("sid", "")
        return as_json({"username": user, "subject": user, "csrf_token": csrf(sid)}, {**headers, **reflected, **cors})

    # -- the agent ----------------------------------------------------------------------------------------------------

    def talk(self, owner: str, session: str, prompt: str) -> str:
        key = session if self.has("shares sessions") else f"{owner}/{session}"
        if prompt.startswith("my name is "):
            self.memory[key] = prompt.removeprefix("my name is ")
            return f"{CANARY}: nice to meet you, {self.memory[key]}"
        if prompt == "what is my name?":
            return f"{CANARY}: you are {self.memory.get(key, 'unknown')}"
        return f"{CANARY}: hello"

    async def agent(self, request: Request) -> Answer:
        user = self.user(request)
        if not user or not self.has("opens the agent to users"):
            return refusal(403)
        session = request.header("x-amzn-bedrock-agentcore-runtime-session-id")
        return as_json({"response": self.talk(user, session, json.loads(request.body)["prompt"])})

    async def chat(self, request: Request) -> Answer:
        user = self.user(request)
        if not user or self.forged(request):
            return refusal(401)
        try:
            body = self.read(request)
        except (ValueError, KeyError, OSError, RecursionError):
            return self.broken() if self.has("shows tracebacks") else refusal(400)
        key = request.header("idempotency-key")
        if not self.has("keys of all users are one"):
            key = f"{user} {key}" if key else ""
        if key and self.has("remembers keys") and key in self.keys:
            return self.keys[key]
        answer = await self.turn(user, body, stream="event-stream" in request.header("accept"))
        if key:
            self.keys[key] = answer
        return answer

    def read(self, request: Request) -> dict[str, Any]:
        raw = request.body
        if request.header("content-encoding"):
            if not self.has("unpacks bodies"):
                raise ValueError
            raw = gzip.decompress(raw)
        if request.header("content-type") != "application/json" and not self.has("takes any media type"):
            raise ValueError
        strict = None if self.has("reads json loosely") else unique
        body = json.loads(raw.decode("utf-8"), object_pairs_hook=strict, parse_constant=None if strict is None else no)
        allowed = {"message", "session_id"} if not self.has("has open schemas") else set(body)
        if not isinstance(body, dict) or not set(body) <= allowed or not body["message"].isprintable():
            raise ValueError
        body["message"].encode()
        if not self.has("takes any session id") and not str(body.get("session_id", "a")).replace("-", "").isalnum():
            raise ValueError
        return body

    async def turn(self, user: str, body: dict[str, Any], *, stream: bool) -> Answer:
        owner = str(body.get("user_id", user)) if self.has("has open schemas") else user
        session = str(body.get("session_id") or self.session_id())
        for message in body.get("messages", []) if self.has("has open schemas") else []:
            self.talk(owner, session, message["content"])
        if body["message"] == "please wait":
            if self.streams.get(user, 0) >= STREAMS and not self.has("caps no streams"):
                return refusal(429)
            self.streams[user] = self.streams.get(user, 0) + 1
            await asyncio.sleep(0.8)
            self.streams[user] -= 1
        said = self.talk(owner, session, body["message"])
        turn = str(uuid.uuid4())
        found = self.conversations.setdefault(
            f"{owner}/{session}", {"owner": owner, "id": session, "name": "new", "said": [], "turns": []}
        )
        found["said"] += [body["message"], said]
        found["turns"].append(turn)
        return as_json({"response": said, "session_id": session, "turn_id": turn}, {"x-turn-id": turn})

    def session_id(self) -> str:
        self.number += 1
        return f"session-{self.number:040}" if self.has("counts its sessions") else str(uuid.uuid4())

    def broken(self) -> Answer:
        return 400, {"server": "sloppy/1.2.3"}, b'Traceback (most recent call last):\n  File "/app/x.py", line 3'

    # -- conversations ------------------------------------------------------------------------------------------------

    async def listed(self, request: Request) -> Answer:
        user = self.user(request)
        if not user:
            return refusal(401)
        owner = request.query.get("actor_id", user) if self.has("filters by parameter") else user
        own = [one for one in self.conversations.values() if one["owner"] == owner][::-1]
        if "cursor" in request.query:
            named = request.query["cursor"].partition(" ")
            own = (
                [one for one in self.conversations.values() if one["owner"] == named[0]]
                if self.has("trusts cursors")
                else []
            )
        if "q" in request.query:
            own = [one for one in own if request.query["q"] in str(one["said"])]
        page = own[: int(request.query.get("limit", 50))]
        items = [{"session_id": one["id"], "conversation_name": one["name"]} for one in page]
        return as_json({"conversations": items, "next_cursor": f"{user} 1" if len(own) > len(page) else None})

    async def beneath(self, request: Request, path: str) -> Answer:
        parts = path.strip("/").split("/")
        user = self.user(request)
        if parts[0] == "conversations" and len(parts) in (2, 3):
            found = self.find(user, lambda one: one["id"] == parts[1], flaw=f"owner is not asked for {request.method}")
            return self.verb(request, found) if user else refusal(401)
        if parts[0] == "turns" and len(parts) in (2, 3):
            found = self.find(user, lambda one: parts[1] in one["turns"], flaw="owner is not asked for turns")
            if not user and not self.has("owner is not asked for turns"):
                return refusal(401)
            return as_json({"events": found["said"]}) if found else refusal(404)
        return refusal(404)

    def find(self, user: str, fits: Callable[[dict[str, Any]], bool], *, flaw: str) -> dict[str, Any] | None:
        own = [one for one in self.conversations.values() if fits(one) and one["owner"] == user]
        any_one = [one for one in self.conversations.values() if fits(one)] if self.has(flaw) else []
        return next(iter([*own, *any_one]), None)

    def verb(self, request: Request, found: dict[str, Any] | None) -> Answer:
        if found is None:
            return refusal(404)
        if request.method == "GET":
            return as_json({"session_id": found["id"], "messages": found["said"]})
        if request.method == "PATCH":
            change = json.loads(request.body)
            if set(change) != {"conversation_name"} and not self.has("gives conversations away"):
                return refusal(400)
            found["name"] = change["conversation_name"]
            found["owner"] = change.get("owner", found["owner"])
            return as_json({})
        if request.method == "DELETE":
            self.conversations = {key: one for key, one in self.conversations.items() if one is not found}
            return 204, {}, b""
        return refusal(405)
