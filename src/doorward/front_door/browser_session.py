"""Browser sessions: sign-in by authorization code + PKCE run by the server, so that no token reaches the browser.

The front door asks `find` who a cookie belongs to and mounts `routes`. The cookie is 256 random bits; the store keeps
only its SHA-256. Refuses a callback that this browser did not begin, and return addresses off this site.
"""

import asyncio
import hashlib
import secrets

import structlog
from msgspec import Struct
from msgspec.structs import replace

from doorward.errors import StoreUnavailable, Unauthenticated
from doorward.front_door.browser_session_cookie import CookieJar
from doorward.front_door.browser_session_pending import PENDING_TTL, PendingSignIn, Seal, begin
from doorward.front_door.browser_session_provider import Provider, ProviderClient, Tokens, expiry_of
from doorward.http.request import Request
from doorward.http.response import Problem, Response, json_response, redirect
from doorward.http.routes import Access, Route
from doorward.model.principals import User
from doorward.model.secret import Secret
from doorward.model.sign_in import BrowserSession
from doorward.ports.clock import Clock
from doorward.ports.sign_in import BrowserSessionStore

CALLBACK = "/session/callback"
# What issuers send back besides code and state; read by nobody, but a closed query has to know the names.
_ANSWER_FIELDS = (
    "code", "state", "iss", "error", "error_description", "error_uri", "session_state", "scope", "authuser", "prompt",
    "hd",
)  # fmt: skip
_REFRESH_BEFORE = 30.0
_log = structlog.get_logger()


class SessionOptions(Struct, frozen=True, kw_only=True):
    """`public_url` is the origin users see, without a trailing slash; `ttl` the life of a session in seconds;
    `sealing_key` 32 secret bytes for the cookie of a sign-in under way (the same in every replica)."""

    public_url: str
    ttl: float
    sealing_key: bytes


class SignedOut(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the browser goes next, to end the session at the issuer too."""

    redirect_to: str


class BrowserSessions:
    """All browser sessions of this front door. Fails closed: without the store nobody is signed in."""

    def __init__(self, store: BrowserSessionStore, provider: Provider, options: SessionOptions, clock: Clock) -> None:
        self._store = store
        self._provider = ProviderClient(provider, options.public_url + CALLBACK)
        self._options = options
        self._clock = clock
        self._seal = Seal(options.sealing_key)
        self._cookie = CookieJar(options.public_url, secure_name="doorward", plain_name="doorward_session")
        self._pending = CookieJar(
            options.public_url, secure_name="doorward-signing-in", plain_name="doorward_signing_in"
        )
        self._refreshing: dict[str, asyncio.Lock] = {}

    @property
    def cookie_name(self) -> str:
        """The name of the session cookie."""
        return self._cookie.name

    async def find(self, cookie_header: str) -> BrowserSession | None:
        """The live session that a Cookie header names, or None. Raises `StoreUnavailable`."""
        value = self._cookie.read(cookie_header)
        if value is None:
            return None
        session = await self._store.get(_hash(value))
        return session if session is not None and session.expires_at > self._clock() else None

    async def access_token(self, session: BrowserSession) -> Secret:
        """The session's access token, refreshed at the issuer when it is about to end. Raises `Unauthenticated`
        (``session_ended``) when the issuer refuses; the session is then over here too."""
        if not self._is_ending(session):
            return session.access_token
        lock = self._refreshing.setdefault(session.id_hash, asyncio.Lock())
        try:
            async with lock:
                return await self._refreshed(session.id_hash)
        finally:
            if not lock.locked():
                self._refreshing.pop(session.id_hash, None)

    def routes(self) -> list[Route]:
        """The routes under ``/session``."""
        return [
            Route(
                method="GET",
                path="/session/sign-in",
                handler=self._sign_in,
                access=Access.PUBLIC,
                query=("return_to",),
                cookie=False,
                recorded=False,
                summary="Begin to sign in: sends the browser to the issuer.",
                responses={303: None},
            ),
            Route(
                method="GET",
                path=CALLBACK,
                handler=self._callback,
                access=Access.PUBLIC,
                query=_ANSWER_FIELDS,
                cookie=False,
                summary="Where the issuer sends the browser back.",
                responses={303: None, 401: Problem},
            ),
            Route(
                method="POST",
                path="/session/sign-out",
                handler=self._sign_out,
                access=Access.USER,
                summary="End this browser session, here and at the issuer.",
                responses={200: SignedOut},
            ),
            Route(
                method="POST",
                path="/session/sign-out-everywhere",
                handler=self._sign_out_everywhere,
                access=Access.USER,
                summary="End every browser session of the caller.",
                responses={200: SignedOut},
            ),
        ]

    async def _sign_in(self, request: Request) -> Response:
        pending = begin(request.query().get("return_to", "/"), now=self._clock())
        location = await self._provider.authorize_url(pending)
        return redirect(location, headers=[self._pending.set(self._seal.close(pending), max_age=int(PENDING_TTL))])

    async def _callback(self, request: Request) -> Response:
        query, cookies = request.query(), "; ".join(request.header_values("cookie"))
        pending = self._seal.redeem(self._pending.read(cookies), query.get("state"), now=self._clock())
        request.response_headers.append(self._pending.clear())
        await self._provider.check_issuer(query.get("iss"))
        code = query.get("code")
        if code is None:
            _log.info("sign_in_refused_by_issuer", request_id=request.id)
            return redirect("/")
        tokens, user = await self._provider.redeem(code, pending)
        return await self._signed_in(cookies, pending, (tokens, user))

    async def _signed_in(self, cookies: str, pending: PendingSignIn, got: tuple[Tokens, User]) -> Response:
        # INVARIANT: a sign-in always makes a new id; the one the browser came with ends here (fixation, AP-OAU-05).
        now, old, value = self._clock(), self._cookie.read(cookies), secrets.token_urlsafe(32)
        if old is not None:
            await self._store.delete(_hash(old))
        await self._store.delete_expired(now)
        await self._store.save(_session(value, got, created_at=now, expires_at=now + self._options.ttl))
        return redirect(pending.return_to, headers=[self._cookie.set(value, max_age=int(self._options.ttl))])

    async def _sign_out(self, request: Request) -> Response:
        session = _own(request)
        await self._store.delete(session.id_hash)
        return await self._left(session)

    async def _sign_out_everywhere(self, request: Request) -> Response:
        session = _own(request)
        await self._store.delete_subject(session.issuer, session.subject)
        return await self._left(session)

    async def _left(self, session: BrowserSession) -> Response:
        """The session is over here, whatever the issuer says now."""
        home = self._options.public_url + "/"
        try:
            if session.refresh_token is not None:
                await self._provider.revoke(session.refresh_token)
            home = await self._provider.sign_out_url(home)
        except StoreUnavailable as error:
            _log.warning("issuer_sign_out_failed", code=error.code)
        return json_response(
            SignedOut(redirect_to=home), headers=[self._cookie.clear(), (b"cache-control", b"no-store")]
        )

    def _is_ending(self, session: BrowserSession) -> bool:
        expiry = expiry_of(session.access_token)
        return expiry is not None and expiry - _REFRESH_BEFORE <= self._clock()

    async def _refreshed(self, id_hash: str) -> Secret:
        session = await self._store.get(id_hash)  # another request may have refreshed or ended it
        if session is None:
            raise _ended()
        if not self._is_ending(session):
            return session.access_token
        if session.refresh_token is None:
            await self._store.delete(id_hash)
            raise _ended()
        try:
            tokens = await self._provider.refresh(session.refresh_token)
        except Unauthenticated:
            await self._store.delete(id_hash)
            raise
        await self._keep(session, tokens)
        return tokens.access

    async def _keep(self, session: BrowserSession, tokens: Tokens) -> None:
        refresh_token = tokens.refresh or session.refresh_token
        if await self._store.get(session.id_hash) is None:  # signed out while we asked: it stays over
            raise _ended()
        await self._store.save(replace(session, access_token=tokens.access, refresh_token=refresh_token))


def _session(value: str, got: tuple[Tokens, User], *, created_at: float, expires_at: float) -> BrowserSession:
    tokens, user = got
    return BrowserSession(
        id_hash=_hash(value),
        issuer=user.issuer,
        subject=user.subject,
        username=user.username,
        email=user.email,
        roles=user.roles,
        csrf_token=Secret(secrets.token_urlsafe(32)),
        id_token=tokens.id or Secret(""),
        access_token=tokens.access,
        refresh_token=tokens.refresh,
        created_at=created_at,
        expires_at=expires_at,
        tenant=user.tenant,
    )


def _own(request: Request) -> BrowserSession:
    if not isinstance(request.session, BrowserSession):
        raise Unauthenticated("There is no browser session to end.", code="no_browser_session")
    return request.session


def _ended() -> Unauthenticated:
    return Unauthenticated("The session has ended; sign in again.", code="session_ended")


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode("ascii")).hexdigest()
