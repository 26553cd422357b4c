"""An embedded sign-in in one process, and a browser for it. The little app here does what the front door does for these
routes: it finds them, reads the form, and refuses fields that are not declared."""

import base64
import hashlib
import secrets
from functools import cache
from html.parser import HTMLParser
from urllib.parse import parse_qs, parse_qsl, urljoin, urlsplit

import httpx2
import msgspec
from argon2 import PasswordHasher, profiles
from joserfc.jwk import RSAKey
from tests.unit.sign_in.stores import MemoryAccounts, MemoryGrants, MemoryLedger, MemorySignedOut

from doorward.errors import DoorwardError, InvalidInput
from doorward.http.asgi import App, Receive, Scope, Send
from doorward.http.paths import split_path
from doorward.http.request import Request
from doorward.http.response import Response, problem, problem_of
from doorward.http.routes import RouteTable
from doorward.model.secret import Secret
from doorward.model.settings import SignInSettings
from doorward.model.sign_in import Client
from doorward.sign_in.accounts import Accounts
from doorward.sign_in.passwords import Passwords
from doorward.sign_in.routes import SignIn, routes
from doorward.sign_in.signing import SigningKeys

NOW = 1_800_000_000.0
PASSWORD = "correct horse battery"
CALLBACK = "http://127.0.0.1:9999/callback"
CLIENT = Client(client_id="page", redirect_uris=(CALLBACK,), logout_uris=("http://127.0.0.1:9999/bye",))
QUERY = Client(client_id="query", redirect_uris=(f"{CALLBACK}?tenant=a",))
OTHER = Client(client_id="other", redirect_uris=("http://127.0.0.1:9999/other",))
PRIVATE = Client(client_id="private", redirect_uris=(CALLBACK,), secret=Secret("s3cret/with+signs"), require_pkce=False)


@cache
def key() -> RSAKey:
    return RSAKey.generate_key(2048, auto_kid=True)


class CountingHasher(PasswordHasher):
    """Argon2 with the least cost, which says how often it worked."""

    def __init__(self, **parameters: int) -> None:
        super().__init__(
            **(parameters or {"time_cost": 1, "memory_cost": profiles.CHEAPEST.memory_cost, "parallelism": 1})
        )
        self.verified: list[str] = []

    def verify(self, *given):
        self.verified.append(given[0])
        return super().verify(*given)


class World:
    """All parts, with a clock that stands still until `now` is set."""

    def __init__(
        self, *, issuer: str = "http://127.0.0.1:8000", stores: tuple | None = None, **settings: object
    ) -> None:
        self.now = NOW
        self.issuer = issuer
        self.hasher = CountingHasher()
        self.store, self.grants, self.ledger = stores or (MemoryAccounts(), MemoryGrants(), MemoryLedger())
        self.door: App | None = None
        self.passwords = Passwords(self.hasher)
        self.accounts = Accounts(self.store, self.passwords, self.clock, grants=self.grants)
        self.keys = SigningKeys([key()])
        self.parts = SignIn(
            settings=msgspec.structs.replace(SignInSettings(), **settings),
            issuer=issuer,
            clients=(CLIENT, OTHER, PRIVATE, QUERY),
            accounts=self.accounts,
            grants=self.grants,
            signed_out=MemorySignedOut(),
            keys=self.keys,
            cookie_key=Secret("k" * 32),
            ledger=self.ledger,
            clock=self.clock,
        )
        self.table = RouteTable(routes(self.parts))

    def restart(self) -> None:
        """All that is not in a store is forgotten."""
        self.table = RouteTable(routes(self.parts))

    def clock(self) -> float:
        return self.now

    def browser(self, address: str = "192.0.2.1") -> "Browser":
        return Browser(self, address)

    def codes(self) -> list[str]:
        return [f"{entry.action} {entry.verdict} {entry.code}" for entry in self.ledger.kept]

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.door is not None:
            await self.door(scope, receive, send)
            return
        response = await self.respond(Request(scope, receive))
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        await send({"type": "http.response.body", "body": response.body})

    async def respond(self, request: Request) -> Response:
        try:
            found = self.table.find(request.method, split_path(request.raw_path))
            if found is None or found.route is None:
                return problem(404, "not_found", "There is nothing here.")
            if not set(request.query()) <= set(found.route.query):
                raise InvalidInput("An unknown parameter.")
            body = await request.read_body(limit=found.route.body_limit, timeout=5)
            pairs = parse_qsl(body.decode(), keep_blank_values=True)
            request.form = dict(pairs)
            if len(request.form) != len(pairs) or not set(request.form) <= set(found.route.form):
                raise InvalidInput("An unknown field, or one that is given twice.")
            return await found.route.handler(request)
        except DoorwardError as error:
            return problem_of(error)


class Page(HTMLParser):
    """The form of a page as a browser would send it, and the words of its alert."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)
        found = dict(attrs)
        if tag == "form":
            self.action = found["action"]
        if tag == "input":
            self.fields[found["name"]] = found.get("value") or ""


class Pkce:
    """A verifier and its S256 challenge."""

    def __init__(self) -> None:
        self.verifier = secrets.token_urlsafe(32)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Browser:
    """A browser with a cookie jar that does not follow redirects, at an address."""

    def __init__(self, world: World, address: str = "192.0.2.1") -> None:
        transport = httpx2.ASGITransport(app=world.app, client=(address, 50000))
        self.http = httpx2.AsyncClient(transport=transport, base_url=world.issuer)
        self.pkce = Pkce()

    def ask(self, **changed: str | None) -> dict[str, str]:
        """An authorization request that holds, with changes; None takes a parameter out."""
        params = {
            "response_type": "code",
            "client_id": "page",
            "redirect_uri": CALLBACK,
            "scope": "openid email profile",
            "state": "st&te",
            "nonce": "n0nce",
            "code_challenge": self.pkce.challenge,
            "code_challenge_method": "S256",
        } | changed
        return {name: value for name, value in params.items() if value is not None}

    async def authorize(self, **changed: str | None) -> httpx2.Response:
        return await self.http.get("/oauth2/authorize", params=self.ask(**changed))

    async def fill(self, page: httpx2.Response, **fields: str) -> httpx2.Response:
        form = Page(page.text)
        return await self.http.post(urljoin(str(page.url), form.action), data={**form.fields, **fields})

    async def sign_in(self, username: str = "user-one", password: str = PASSWORD, **changed: str | None):
        page = await self.authorize(**changed)
        return await self.fill(page, username=username, password=password)

    async def code(self, **changed: str | None) -> str:
        return answer(await self.sign_in(**changed))["code"]

    async def token(self, **fields: str) -> httpx2.Response:
        return await self.http.post("/oauth2/token", data=fields)

    async def redeem(self, code: str, **changed: str) -> httpx2.Response:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": "page",
            "code_verifier": self.pkce.verifier,
        }
        return await self.token(**{name: value for name, value in (fields | changed).items() if value is not None})

    async def refresh(self, token: str, **changed: str) -> httpx2.Response:
        return await self.token(
            **{"grant_type": "refresh_token", "refresh_token": token, "client_id": "page"} | changed
        )

    async def tokens(self) -> dict:
        return (await self.redeem(await self.code())).json()


def answer(response: httpx2.Response) -> dict[str, str]:
    """The parameters of a redirect to the client."""
    assert response.status_code == 303, response.text
    location = urlsplit(response.headers["location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == CALLBACK
    return {name: values[0] for name, values in parse_qs(location.query, keep_blank_values=True).items()}


async def make_world(**settings: object) -> World:
    """A world with the account ``user-one``."""
    world = World(**settings)
    await add_user_one(world)
    return world


async def add_user_one(world: World) -> None:
    await world.accounts.add("user-one", PASSWORD, email="one@doorward.example")
