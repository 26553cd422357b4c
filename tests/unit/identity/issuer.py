"""An issuer that tests run on this machine: real HTTP, real keys, and any token an attacker could wish for."""

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from doorward.errors import Unauthenticated
from doorward.identity.claims import TokenRules
from doorward.identity.fetch import HttpFetch
from doorward.identity.keys_source import HttpKeySource, KeyAges
from doorward.identity.tokens import UserTokenVerifier

NOW = 1_770_000_000.0
AUDIENCE = "doorward"
CLIENT = "doorward-web"
DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/keys"


class MovableClock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@cache
def rsa_key(name: str) -> RSAKey:
    return RSAKey.import_key(RSAKey.generate_key(2048).as_dict(private=True, kid=name))


@cache
def ec_key(name: str) -> ECKey:
    return ECKey.import_key(ECKey.generate_key("P-256").as_dict(private=True, kid=name))


@cache
def okp_key(name: str) -> OKPKey:
    return OKPKey.import_key(OKPKey.generate_key("Ed25519").as_dict(private=True, kid=name))


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signature(key: Key, signed: bytes) -> bytes:
    private = key.private_key
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(private, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(private.sign(signed, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)
    assert isinstance(private, ed25519.Ed25519PrivateKey)
    return private.sign(signed)


def raw_token(header: bytes, claims: bytes, key: Key) -> str:
    """Any bytes as header and claims, under a signature that holds."""
    signed = f"{b64(header)}.{b64(claims)}"
    return f"{signed}.{b64(signature(key, signed.encode()))}"


def algorithm_of(key: Key) -> str:
    return {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}[key.key_type]


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


class Issuer:
    """`keys` are published at `url`; `hits` counts requests by path; `behaviour` makes it misbehave."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: list[Key] = [rsa_key("first")]
        self.hits: Counter[str] = Counter()
        self.behaviour = "good"
        self.document: dict[str, Any] = {}
        self.asked = asyncio.Event()
        self.hold = asyncio.Event()

    def header(self, key: Key | None = None, **changes: Any) -> dict[str, Any]:
        key = key or self.keys[0]
        return without_none({"alg": algorithm_of(key), "typ": "at+jwt", "kid": key.kid} | changes)

    def claims(self, **changes: Any) -> dict[str, Any]:
        claims = {
            "iss": self.url,
            "sub": "user-1",
            "aud": AUDIENCE,
            "client_id": CLIENT,
            "username": "ada",
            "iat": int(NOW),
            "exp": int(NOW) + 600,
            "jti": "token-1",
        }
        return without_none(claims | changes)

    def token(self, *, key: Key | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token of this issuer; claims and header members given as None are left out."""
        key = key or self.keys[0]
        head = self.header(key, **(header or {}))
        return raw_token(json.dumps(head).encode(), json.dumps(self.claims(**claims)).encode(), key)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.hits[request.path] += 1
        self.asked.set()
        if self.behaviour == "slow":
            await self.hold.wait()
        if self.behaviour == "down":
            return web.Response(status=503)
        if self.behaviour == "html":
            return web.Response(text="<html>sign in to the hotel</html>", content_type="text/html")
        if self.behaviour == "redirect":
            raise web.HTTPFound(f"{self.url}/elsewhere")
        if self.behaviour == "huge":
            return web.Response(body=b"[" + b" " * (600 * 1024) + b"]")
        if request.path == DISCOVERY:
            return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}{JWKS}"} | self.document)
        return web.json_response({"keys": [key.as_dict(private=False) for key in self.keys]})


@asynccontextmanager
async def running_issuer() -> AsyncIterator[Issuer]:
    app = web.Application()
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    issuer = Issuer("")
    app.router.add_get("/{path:.*}", issuer.answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield issuer
    finally:
        issuer.hold.set()
        await runner.cleanup()


class Door:
    """A verifier of tokens of one real issuer, with a clock that can be moved."""

    def __init__(self, issuer: Issuer, session: aiohttp.ClientSession) -> None:
        self.issuer = issuer
        self.clock = MovableClock()
        self.fetch = HttpFetch(session)
        self.keys = HttpKeySource(issuer.url, self.fetch, KeyAges(max_age=300, max_stale=3600), self.clock)
        self.verifier = self.make()

    def rules(self, **changes: Any) -> TokenRules:
        settings: dict[str, Any] = {
            "issuer": self.issuer.url,
            "audience": AUDIENCE,
            "clients": frozenset({CLIENT, "doorward-cli"}),
        }
        return TokenRules(**(settings | changes))

    def make(self, **changes: Any) -> UserTokenVerifier:
        return UserTokenVerifier(self.rules(**changes), self.keys, self.clock)


@asynccontextmanager
async def open_door() -> AsyncIterator[Door]:
    async with running_issuer() as issuer, aiohttp.ClientSession() as session:
        door = Door(issuer, session)
        try:
            yield door
        finally:
            issuer.hold.set()
            await door.keys.aclose()


async def refused(verifier: UserTokenVerifier, token: str, *codes: str) -> None:
    """`token` is refused with one of `codes` (any, without), and the error does not quote it."""
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verify(token)
    assert not codes or caught.value.code in codes, caught.value.code
    assert token not in str(caught.value)
