"""A small deployment for the tests of attacks: sound as it stands, and each method can be overridden to break one
defence. It has a front door (`/whoami`, `/chat`), an agent (`/runtimes/{arn}/invocations`) and an issuer."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec.structs import replace

from doorward.errors import Unauthenticated
from doorward.http.asgi import Message, Receive, Scope, Send
from doorward.identity import sigv4
from doorward.model.secret import Secret
from doorward.probe.forgery import Jwt, Signer, decode, encode, take_apart
from doorward.probe.lab import Lab
from doorward.probe.signed_call import TURN_HEADER, USER_HEADER
from doorward.probe.target import Account, Chat, SignIn, Target, Workload
from doorward.runtime.sockets import EmbeddedServer

CANARY = "the agent of the double"
AUDIENCE = "double"
ARN = "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/double"
WORKLOAD = Workload(region="eu-west-1", access_key_id="DWKDOUBLEDOUBLEDOUBLE", secret_access_key=Secret("s" * 40))
ISSUER_KEY = generate_private_key(65537, 2048)
FORMER_KEY = generate_private_key(65537, 2048)
Headers = list[tuple[str, str]]
Answer = tuple[int, Any]


class Visit:
    """One request at the double."""

    def __init__(self, scope: Scope, body: bytes) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["raw_path"].decode()
        self.query: str = scope["query_string"].decode()
        self.headers: Headers = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
        self.body = body

    def header(self, name: str) -> str:
        return next((value for given, value in self.headers if given == name.lower()), "")

    def credentials(self) -> list[str]:
        return [value for name, value in self.headers if name == "authorization"]


class Double:
    """Sound. A broken one overrides one method."""

    def __init__(self) -> None:
        self.signer = Signer(key=ISSUER_KEY, key_id="double-1", genuine=True)
        self.url = ""
        self.used: set[str] = set()
        self.names: dict[str, str] = {}

    # -- tokens -----------------------------------------------------------------------------------------------------

    def token(self, subject: str, **claims: Any) -> str:
        now = int(time.time())
        own = {"iss": self.url, "sub": subject, "aud": AUDIENCE, "client_id": "page", "iat": now, "exp": now + 600}
        return self.signer.sign({"alg": "RS256", "typ": "at+jwt", "kid": "double-1"}, {**own, **claims})

    async def user(self, token: str) -> str | None:
        """The subject of a token that holds."""
        jwt = self.parse(token)
        if jwt is None or not await self.signature_holds(jwt) or not self.claims_hold(jwt.claims):
            return None
        return str(jwt.claims["sub"]) if jwt.header.get("typ") == "at+jwt" else None

    def parse(self, token: str) -> Jwt | None:
        """Strictly: small, canonical, unique names, plain header, compact."""
        try:
            canonical = len(token) < 16_000 and all(encode(decode(part)) == part for part in token.split("."))
            jwt = take_apart(token) if canonical else None
            if jwt is None or not jwt.header.keys() <= {"alg", "typ", "kid"}:
                return None
            for part in token.split(".")[:2]:
                json.loads(decode(part).decode(), object_pairs_hook=_unique)
        except (ValueError, RecursionError):
            return None
        return jwt

    async def signature_holds(self, jwt: Jwt) -> bool:
        known = jwt.header.get("alg") == "RS256" and jwt.header.get("kid") == self.signer.key_id
        return known and verified(jwt, self.signer.key.public_key())

    def claims_hold(self, claims: dict[str, Any]) -> bool:
        return self.issuer_holds(claims) and self.audience_holds(claims) and self.time_holds(claims)

    def issuer_holds(self, claims: dict[str, Any]) -> bool:
        return claims.get("iss") == self.url

    def audience_holds(self, claims: dict[str, Any]) -> bool:
        right_client = all(claims.get(name, "page") == "page" for name in ("client_id", "azp"))
        return claims.get("aud") == AUDIENCE and right_client and "client_id" in claims

    def time_holds(self, claims: dict[str, Any]) -> bool:
        times = [claims.get(name, 0) for name in ("exp", "nbf", "iat")]
        if any(type(value) is not int or not 0 <= value < 10**11 for value in times):
            return False
        kinds = claims.keys().isdisjoint({"events", "cnf"}) and claims.get("token_use", "access") == "access"
        return kinds and times[0] > time.time() and max(times[1:]) < time.time() + 30

    # -- doors ------------------------------------------------------------------------------------------------------

    async def front_door(self, visit: Visit) -> str | None:
        """Who knocks at the front door."""
        given = visit.credentials()
        if len(given) != 1 or not given[0].startswith("Bearer ") or given[0].count(" ") != 1:
            return None
        return await self.user(given[0][7:])

    async def agent_door(self, visit: Visit) -> bool:
        """Whether the agent runs for this call."""
        if not self.signed(visit) or self.is_used(visit):
            return False
        return self.may_act(visit)

    def signed(self, visit: Visit) -> bool:
        head = sigv4.Head(visit.method, visit.path, visit.query, visit.headers)
        try:
            claim = sigv4.read_claim(head, region=WORKLOAD.region, now=time.time(), skew=300)
            sigv4.prove(claim, visit.body, {WORKLOAD.access_key_id: WORKLOAD.secret_access_key}.get)
        except Unauthenticated:
            return False
        return True

    def is_used(self, visit: Visit) -> bool:
        proof = visit.header("authorization")
        used = proof in self.used
        self.used.add(proof)
        return used

    def may_act(self, visit: Visit) -> bool:
        return not visit.header(USER_HEADER) and not visit.header(TURN_HEADER)

    # -- routes -----------------------------------------------------------------------------------------------------

    async def answer(self, visit: Visit) -> Answer:
        if visit.path == "/.well-known/openid-configuration":
            return 200, {"issuer": self.url, "jwks_uri": f"{self.url}/jwks"}
        if visit.path == "/jwks":
            return 200, {"keys": [self.signer.public_jwk()]}
        if visit.path == "/whoami":
            subject = await self.front_door(visit)
            return (200, {"subject": subject}) if subject else (401, {})
        if visit.path == "/chat":
            subject = await self.front_door(visit)
            return (200, self.say(visit, subject)) if subject else (401, {})
        if visit.path.startswith("/runtimes/") and visit.path.endswith("/invocations") and visit.method == "POST":
            return (200, {"response": CANARY}) if await self.agent_door(visit) else (403, {})
        return 404, {}

    def say(self, visit: Visit, subject: str) -> dict[str, str]:
        """Remembers what a user's name is."""
        message = str(json.loads(visit.body)["message"])
        if message.startswith("my name is "):
            self.names[subject] = message.rsplit(" ", 1)[1]
        return {"response": f"{CANARY} knows {self.names.get(subject, 'nobody')}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, value = await self.answer(Visit(scope, body))
        start: Message = {"type": "http.response.start", "status": status, "headers": []}
        await send(start)
        await send({"type": "http.response.body", "body": json.dumps(value).encode()})


def verified(jwt: Jwt, key: RSAPublicKey) -> bool:
    try:
        key.verify(decode(jwt.signature), jwt.signed.encode(), PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def target(double: Double, **changes: Any) -> Target:
    """The double as the probe is told about it, with the issuer's key."""
    private = double.signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    made = Target(
        name="double",
        front_door=double.url,
        agent_door=double.url,
        agent_arn=ARN,
        whoami="/whoami",
        sign_in=SignIn(issuer=double.url),
        chat=Chat(path="/chat", canary=CANARY),
        users=tuple(Account(token=Secret(double.token(name))) for name in ("user-one", "user-two")),
        workload=WORKLOAD,
        issuer_key=Secret(private),
        retired_token=Secret(_retired(double)),
    )
    return replace(made, **changes)


def _retired(double: Double) -> str:
    """A good token but for its key, which is not published."""
    jwt = take_apart(double.token("user-one"))
    assert jwt is not None
    former = Signer(key=FORMER_KEY, key_id="double-0", genuine=False)
    return former.sign({**jwt.header, "kid": "double-0"}, jwt.claims)


@asynccontextmanager
async def served(app: Any, *, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """A server on a free port, in this loop; its URL on loopback."""
    with socket.socket() as listener:
        listener.bind((host, 0))
        listener.listen(256)
        listener.setblocking(False)
        server = EmbeddedServer(app)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(10):
            await server.up.wait()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@asynccontextmanager
async def attacked(double: Double, *, host: str = "127.0.0.1", **changes: Any) -> AsyncIterator[Lab]:
    """The lab in which a running double is attacked."""
    async with served(double, host=host) as url:
        double.url = url
        yield Lab(target(double, **changes))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found
