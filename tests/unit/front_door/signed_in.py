"""A front door with browser sessions, the embedded sign-in, a real store, and a browser that keeps cookies."""

import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import msgspec
from argon2 import PasswordHasher, profiles
from joserfc.jwk import RSAKey
from tests.unit.front_door.api_harness import Caller, front_door

from doorward.front_door.api.me import me_routes
from doorward.front_door.browser_session import BrowserSessions, SessionOptions
from doorward.front_door.browser_session_http import form_poster
from doorward.front_door.browser_session_provider import Provider
from doorward.http.request import Request
from doorward.http.response import Response
from doorward.http.routes import Access, Route
from doorward.identity.claims import TokenRules
from doorward.identity.discovery import CachedDiscovery
from doorward.identity.fetch import HttpFetch
from doorward.identity.keys_source import StaticKeySource
from doorward.identity.tokens import UserTokenVerifier
from doorward.model.secret import Secret
from doorward.model.settings import SignInSettings
from doorward.model.sign_in import BrowserSession, Client
from doorward.sign_in.accounts import Accounts
from doorward.sign_in.passwords import Passwords
from doorward.sign_in.routes import SignIn, routes
from doorward.sign_in.signing import SigningKeys
from doorward.stores.sqlite.open import GatewayStores, open_gateway

KEY = RSAKey.generate_key(2048, auto_kid=True)
PASSWORD = "correct horse battery"


class World:
    """All parts. `ahead` moves the clock of the browser sessions, in seconds."""

    def __init__(self, stores: GatewayStores, http: aiohttp.ClientSession) -> None:
        self.stores = stores
        self.http = http
        self.ahead = 0.0
        self.url = ""
        self.sessions = Late()
        self.call: Caller
        self.access_tokens: list[str] = []

    def clock(self) -> float:
        return time.time() + self.ahead

    def routes(self, url: str) -> list[Route]:
        self.url = url
        self.sessions.real = BrowserSessions(
            self.stores.sessions,
            Provider(
                issuer=url,
                client_id="doorward-web",
                discover=CachedDiscovery(url, HttpFetch(self.http), self.clock).metadata,
                post_form=form_poster(self.http),
                id_tokens=UserTokenVerifier(
                    TokenRules(issuer=url, audience="doorward", clients=frozenset({"doorward-web"}), id_tokens=True),
                    StaticKeySource([KEY]),
                    self.clock,
                ),
            ),
            SessionOptions(public_url=url, ttl=3600.0 * 12, sealing_key=b"s" * 32),
            self.clock,
        )
        return [
            *self.sessions.real.routes(),
            *me_routes("conversations", "rehearsal"),
            *routes(self._sign_in(url)),
            Route(method="GET", path="/", handler=_home, access=Access.PUBLIC, hidden=True),
            Route(method="GET", path="/token", handler=self._show_token, access=Access.USER, hidden=True),
        ]

    def accounts(self) -> Accounts:
        hasher = PasswordHasher(time_cost=1, memory_cost=profiles.CHEAPEST.memory_cost, parallelism=1)
        return Accounts(self.stores.accounts, Passwords(hasher), time.time, grants=self.stores.grants)

    def _sign_in(self, url: str) -> SignIn:
        return SignIn(
            settings=SignInSettings(),
            issuer=url,
            clients=(
                Client(client_id="doorward-web", redirect_uris=(f"{url}/session/callback",), logout_uris=(f"{url}/",)),
            ),
            accounts=self.accounts(),
            grants=self.stores.grants,
            signed_out=self.stores.signed_out,
            keys=SigningKeys([KEY]),
            cookie_key=Secret("k" * 32),
            ledger=self.stores.ledger,
            clock=time.time,
        )

    async def _show_token(self, request: Request) -> Response:
        token = await self.sessions.real.access_token(request.session)
        self.access_tokens.append(token.reveal())
        return Response(body=b"ok")


class Late:
    """The sessions, which are made once the URL is known."""

    real: BrowserSessions

    async def find(self, cookie_header: str) -> BrowserSession | None:
        return await self.real.find(cookie_header)


async def _home(_: Request) -> Response:
    return Response(body=b"home")


class Form(HTMLParser):
    """Action and fields of the form on a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self.action = found["action"] or ""
        if tag == "input" and found.get("name"):
            self.fields[str(found["name"])] = found.get("value") or ""


class Browser:
    """Keeps cookies, follows no redirect by itself."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []

    async def send(self, method: str, url: str, **options: Any) -> aiohttp.ClientResponse:
        headers = dict(options.pop("headers", {}))
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self.world.http.request(
            method, urljoin(self.world.url, url), headers=headers, allow_redirects=False, **options
        )
        await answer.read()
        self.set_cookies = answer.headers.getall("set-cookie", [])
        for line in self.set_cookies:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if not value:
                del self.cookies[name]
        return answer

    async def to_callback(self, return_to: str = "/") -> str:
        """Sign in at the issuer; the URL of the callback, which has not been visited yet."""
        begun = await self.send("GET", f"/session/sign-in?return_to={return_to}")
        assert begun.status == 303, await begun.text()
        page = await self.send("GET", begun.headers["location"])
        if page.status == 303:  # the issuer still knows this browser
            return page.headers["location"]
        form = Form(await page.text())
        filled = {**form.fields, "username": "user-one", "password": PASSWORD}
        sent = await self.send("POST", form.action, data=filled, headers={"origin": self.world.url})
        assert sent.status == 303, await sent.text()
        return sent.headers["location"]

    async def sign_in(self, return_to: str = "/") -> aiohttp.ClientResponse:
        return await self.send("GET", await self.to_callback(return_to))

    async def me(self) -> tuple[int, dict[str, Any]]:
        answer = await self.send("GET", "/api/me")
        return answer.status, msgspec.json.decode(await answer.read())


@asynccontextmanager
async def signed_in_world(folder: Path) -> AsyncIterator[World]:
    """The world with one user, ``user-one``."""
    stores = open_gateway(folder / "gateway.db")
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            world = World(stores, http)
            async with front_door(world.routes, sessions=world.sessions) as call:
                world.call = call
                await world.accounts().add("user-one", PASSWORD, email="one@doorward.example")
                yield world
    finally:
        stores.close()


def stolen_state(location: str) -> str:
    """The state in a callback's URL."""
    found = re.search(r"state=([^&]+)", urlsplit(location).query)
    assert found is not None
    return found[1]


def random_session_id() -> str:
    """A cookie value that nobody was given."""
    return secrets.token_urlsafe(32)
