"""GET and POST /oauth2/authorize: the sign-in page and what happens when it is sent. Browsers come here; it refuses
unsafe requests with a page, and others at the client, and never tells a wrong name from a wrong password."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from doorward.errors import TooManyRequests
from doorward.http.request import Request
from doorward.http.response import Response, redirect
from doorward.model.sign_in import Account, AuthorizationCode
from doorward.ports.clock import Clock
from doorward.ports.sign_in import GrantStore
from doorward.sign_in.accounts import Accounts
from doorward.sign_in.authorization import PARAMETERS, AuthorizationRequest, AuthorizationRules
from doorward.sign_in.cookies import FormTokens, Header, ProviderSession, ProviderSessions
from doorward.sign_in.guesses import Guesses
from doorward.sign_in.oauth_errors import RefusedRequest, UnsafeRequest
from doorward.sign_in.rendering import Form, Pages
from doorward.sign_in.tokens import Tokens, new_token, stored_hash
from doorward.sign_in.verdicts import Verdicts

CODE_TTL = 60.0
LOGIN_FORM = (*PARAMETERS, "username", "password", "csrf")
_WRONG = "The user name or the password is wrong."
_EXPIRED = "This form was open for too long, or belongs to another window. Please try again."
_NO_STORE = [(b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]


class LoginParts(Struct, frozen=True, kw_only=True):
    """What the sign-in page needs."""

    rules: AuthorizationRules
    accounts: Accounts
    grants: GrantStore
    tokens: Tokens
    sessions: ProviderSessions
    forms: FormTokens
    guesses: Guesses
    pages: Pages
    verdicts: Verdicts
    clock: Clock
    issuer: str
    sign_up: bool


class Login:
    """The authorize endpoint."""

    def __init__(self, parts: LoginParts) -> None:
        self._parts = parts
        self._origin = origin_of(parts.issuer)

    async def authorize(self, request: Request) -> Response:
        """An authorization request by GET: the page, or straight on when this browser is signed in here."""
        return await self._answer(request, request.query())

    async def submit(self, request: Request) -> Response:
        """The form that was sent. Without its token it is an authorization request by POST (OIDC Core 3.1.2.1)."""
        return await self._answer(request, request.form)

    async def _answer(self, request: Request, params: Mapping[str, str]) -> Response:
        try:
            asked = self._parts.rules.read(params)
            if "csrf" in params or "password" in params:
                return await self._sign_in(request, asked)
            return await self._ask(request, asked)
        except UnsafeRequest as error:
            self._parts.verdicts.deny(request, "authorize", error.code)
            return self._parts.pages.message("This sign-in cannot go on", error.message, status=400)
        except RefusedRequest as error:
            self._parts.verdicts.deny(request, "authorize", error.error, client_id=params.get("client_id", ""))
            return redirect(error.location, headers=_NO_STORE)

    async def _ask(self, request: Request, asked: AuthorizationRequest) -> Response:
        found = await self._parts.sessions.read(request)
        if found is not None and self._serves(found[0], asked):
            session, account = found
            self._parts.verdicts.allow(
                request, "sign_in", subject=account.subject, client_id=asked.client_id, code="session"
            )
            return await self._send_code(asked, account, session.auth_time, headers=())
        if "none" in asked.prompts:
            raise self._parts.rules.refused(asked, "login_required", "Nobody is signed in here.")
        return self._page(request, asked)

    def _serves(self, session: ProviderSession, asked: AuthorizationRequest) -> bool:
        """Whether the session is what the client wants: no new login asked for, recent enough, the hinted user."""
        if asked.prompts & {"login", "select_account"}:
            return False
        if asked.max_age is not None and self._parts.clock() - session.auth_time > asked.max_age:
            return False
        if asked.id_token_hint is None:
            return True
        hinted = self._parts.tokens.hinted(asked.id_token_hint)
        return hinted is not None and hinted.get("sub") == session.subject

    async def _sign_in(self, request: Request, asked: AuthorizationRequest) -> Response:
        form = request.form
        token = form.get("csrf", "")
        if not same_site(request, self._origin) or not self._parts.forms.holds(request, _purpose(asked), token):
            self._parts.verdicts.deny(request, "sign_in", "form_token", client_id=asked.client_id)
            return self._page(request, asked, error=_EXPIRED, status=403)
        try:
            account = await self._check(request, form.get("username", ""), form.get("password", ""))
        except TooManyRequests as error:
            self._parts.verdicts.deny(request, "sign_in", error.code, client_id=asked.client_id)
            return self._wait(request, asked, error)
        if account is None:
            self._parts.verdicts.deny(request, "sign_in", "wrong_credentials", client_id=asked.client_id)
            return self._page(request, asked, error=_WRONG, status=403)
        self._parts.verdicts.allow(
            request, "sign_in", subject=account.subject, client_id=asked.client_id, code="password"
        )
        # INVARIANT: the session id is new at each sign-in, and the one that came with the request ends (AP-OAU-05).
        await self._parts.sessions.end(request)
        session, cookie = self._parts.sessions.begin(account)
        return await self._send_code(asked, account, session.auth_time, headers=[cookie, self._parts.forms.clear()])

    async def _check(self, request: Request, username: str, password: str) -> Account | None:
        guess = self._parts.guesses.start(username, request.address)
        try:
            account = await self._parts.accounts.check(username, password)
        except TooManyRequests:
            self._parts.guesses.forget(guess)
            raise
        if account is not None:
            self._parts.guesses.succeeded(guess)
        return account

    async def _send_code(
        self, asked: AuthorizationRequest, account: Account, auth_time: float, *, headers: Iterable[Header]
    ) -> Response:
        code = new_token()
        await self._parts.grants.save_code(
            AuthorizationCode(
                code_hash=stored_hash(asked.client_id, code),
                client_id=asked.client_id,
                redirect_uri=asked.redirect_uri,
                subject=account.subject,
                scope=asked.scope,
                nonce=asked.nonce,
                code_challenge=asked.code_challenge,
                auth_time=auth_time,
                expires_at=self._parts.clock() + CODE_TTL,
                family=new_token(),
            )
        )
        location = self._parts.rules.location(asked.redirect_uri, asked.state, {"code": code})
        return redirect(location, headers=[*_NO_STORE, *headers])

    def _page(self, request: Request, asked: AuthorizationRequest, *, error: str = "", status: int = 200) -> Response:
        token, cookies = self._parts.forms.issue(request, _purpose(asked))
        form = Form(
            template="sign_in",
            title="Sign in",
            hidden={**asked.carried, "csrf": token},
            fields={"username": asked.login_hint},
            error=error,
            link=(f"/signup?{urlencode(asked.carried)}", "Create an account") if self._parts.sign_up else None,
        )
        return self._parts.pages.form(form, status=status, headers=cookies)

    def _wait(self, request: Request, asked: AuthorizationRequest, error: TooManyRequests) -> Response:
        text = "Too many attempts. Please wait and try again later."
        response = self._page(request, asked, error=text, status=429)
        response.headers.append((b"retry-after", str(max(1, round(error.retry_after))).encode()))
        return response


def origin_of(url: str) -> str:
    """The origin of a URL as browsers write it in the Origin header."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def same_site(request: Request, origin: str) -> bool:
    """Whether the browser says that a form comes from our own page. Old browsers and programs say nothing: for them
    the form's token decides alone."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    sent, scheme = request.headers.get("origin", origin).lower(), origin.partition("://")[0]
    # The front door answers only hosts on its list, so our own page may also be open under another of these names.
    return sent == origin or sent == f"{scheme}://{request.headers.get('host', '').lower()}"


def _purpose(asked: AuthorizationRequest) -> str:
    """What a form's token is bound to: this very request, so that its parameters cannot be exchanged."""
    return msgspec.json.encode(asked.carried, order="sorted").decode()
