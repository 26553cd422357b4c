"""The routes of the embedded sign-in. `compose` calls `routes` once and hands the list to the front door."""

from urllib.parse import urlsplit

from msgspec import Struct

from doorward.errors import ConfigurationError
from doorward.http.routes import Access, Handler, Route
from doorward.model.secret import Secret
from doorward.model.settings import SignInSettings
from doorward.model.sign_in import Client
from doorward.ports.clock import Clock
from doorward.ports.ledger import Ledger
from doorward.ports.sign_in import GrantStore, SignedOutStore
from doorward.sign_in.accounts import Accounts
from doorward.sign_in.authorization import CARRIED, PARAMETERS, AuthorizationRules
from doorward.sign_in.clients import Clients
from doorward.sign_in.cookies import Cookies, FormTokens, ProviderSessions, SessionsKept
from doorward.sign_in.guesses import Guesses
from doorward.sign_in.login import LOGIN_FORM, Login, LoginParts
from doorward.sign_in.logout import LOGOUT_PARAMETERS, Logout
from doorward.sign_in.metadata import Metadata
from doorward.sign_in.rendering import Pages
from doorward.sign_in.sign_up import SIGN_UP_FORM, SignUp, SignUpParts
from doorward.sign_in.signing import SigningKeys
from doorward.sign_in.token_endpoint import REVOKE_FORM, TOKEN_FORM, TokenEndpoint, TokenParts
from doorward.sign_in.tokens import TokenRules, Tokens
from doorward.sign_in.user_info import UserInfo
from doorward.sign_in.verdicts import Verdicts

_FORM_LIMIT = 16384


class SignIn(Struct, frozen=True, kw_only=True):
    """Everything the embedded sign-in is made of.

    `issuer` is the public URL of the front door without a slash at the end. `cookie_key` is at least 32 random
    characters that stay the same over restarts, or everybody has to sign in again.
    """

    settings: SignInSettings
    issuer: str
    clients: tuple[Client, ...]
    accounts: Accounts
    grants: GrantStore
    signed_out: SignedOutStore
    keys: SigningKeys
    cookie_key: Secret
    ledger: Ledger
    clock: Clock


def tokens_of(parts: SignIn) -> Tokens:
    """The minting of tokens alone, for `doorward token`."""
    rules = TokenRules(issuer=parts.issuer, audience=parts.settings.audience, ttl=parts.settings.access_token_ttl)
    return Tokens(rules, parts.keys, parts.clock)


def routes(parts: SignIn) -> list[Route]:
    """All routes. Raises `ConfigurationError` when the issuer, a key or a client is unsafe."""
    _check(parts)
    cookies = Cookies(secure=urlsplit(parts.issuer).scheme == "https")
    shared = _Shared(
        clients=Clients(parts.clients),
        tokens=tokens_of(parts),
        forms=FormTokens(parts.cookie_key, cookies, parts.clock),
        sessions=ProviderSessions(
            parts.cookie_key,
            cookies,
            parts.accounts,
            SessionsKept(signed_out=parts.signed_out, clock=parts.clock, ttl=parts.settings.session_ttl),
        ),
        pages=Pages(),
        verdicts=Verdicts(parts.ledger, parts.clock),
    )
    return [
        *_browser_routes(parts, shared),
        *_client_routes(parts, shared),
        *(_sign_up_routes(parts, shared) if parts.settings.open_sign_up else []),
    ]


class _Shared(Struct, frozen=True, kw_only=True):
    clients: Clients
    tokens: Tokens
    forms: FormTokens
    sessions: ProviderSessions
    pages: Pages
    verdicts: Verdicts


def _browser_routes(parts: SignIn, shared: _Shared) -> list[Route]:
    login = Login(
        LoginParts(
            rules=AuthorizationRules(shared.clients, parts.issuer),
            accounts=parts.accounts,
            grants=parts.grants,
            tokens=shared.tokens,
            sessions=shared.sessions,
            forms=shared.forms,
            guesses=_guesses(parts),
            pages=shared.pages,
            verdicts=shared.verdicts,
            clock=parts.clock,
            issuer=parts.issuer,
            sign_up=parts.settings.open_sign_up,
        )
    )
    logout = Logout(shared.clients, shared.tokens, shared.sessions, shared.pages, shared.verdicts)
    return [
        _page("GET", "/oauth2/authorize", login.authorize, "Sign in, or go on when signed in", PARAMETERS),
        _page("POST", "/oauth2/authorize", login.submit, "Send the sign-in form", LOGIN_FORM),
        _page("GET", "/logout", logout.leave, "Sign out", LOGOUT_PARAMETERS),
        _page("POST", "/logout", logout.leave_by_form, "Sign out", LOGOUT_PARAMETERS),
        _document("/sign-in.css", shared.pages.style, "The style of the sign-in pages"),
    ]


def _client_routes(parts: SignIn, shared: _Shared) -> list[Route]:
    endpoint = TokenEndpoint(
        TokenParts(
            clients=shared.clients,
            accounts=parts.accounts,
            grants=parts.grants,
            tokens=shared.tokens,
            verdicts=shared.verdicts,
            clock=parts.clock,
            refresh_ttl=parts.settings.refresh_token_ttl,
        )
    )
    user_info = UserInfo(shared.tokens, parts.accounts)
    metadata = Metadata(parts.issuer, parts.keys)
    return [
        _call("POST", "/oauth2/token", endpoint.token, "Redeem a code or refresh token", TOKEN_FORM),
        _call("POST", "/oauth2/revoke", endpoint.revoke, "Revoke a refresh token", REVOKE_FORM),
        _call("GET", "/oauth2/userInfo", user_info.show, "Who the bearer of an access token is"),
        _call("POST", "/oauth2/userInfo", user_info.show, "Who the bearer of an access token is"),
        _document("/.well-known/openid-configuration", metadata.discovery, "OIDC discovery"),
        _document("/.well-known/jwks.json", metadata.jwks, "The public keys of the issuer"),
    ]


def _sign_up_routes(parts: SignIn, shared: _Shared) -> list[Route]:
    sign_up = SignUp(
        SignUpParts(
            accounts=parts.accounts,
            sessions=shared.sessions,
            forms=shared.forms,
            makers=_guesses(parts),
            pages=shared.pages,
            verdicts=shared.verdicts,
            issuer=parts.issuer,
        )
    )
    return [
        _page("GET", "/signup", sign_up.show, "The form for a new account", CARRIED),
        _page("POST", "/signup", sign_up.submit, "Make an account", SIGN_UP_FORM),
    ]


def _guesses(parts: SignIn) -> Guesses:
    settings = parts.settings
    return Guesses(attempts=settings.attempts, window=settings.attempts_window, clock=parts.clock)


def _page(method: str, path: str, handler: Handler, summary: str, names: tuple[str, ...]) -> Route:
    """A page for browsers: its forms carry a token of their own."""
    get = method == "GET"
    return Route(
        method=method,
        path=path,
        handler=handler,
        access=Access.PUBLIC,
        query=names if get else (),
        form=() if get else names,
        body_limit=_FORM_LIMIT,
        csrf=False,
        summary=summary,
        hidden=True,
    )


def _call(method: str, path: str, handler: Handler, summary: str, form: tuple[str, ...] = ()) -> Route:
    """A call by a client, from any origin: it authenticates with what it sends, never with a cookie."""
    return Route(
        method=method,
        path=path,
        handler=handler,
        access=Access.PUBLIC,
        form=form,
        body_limit=_FORM_LIMIT,
        csrf=False,
        any_origin=True,
        summary=summary,
        hidden=True,
    )


def _document(path: str, handler: Handler, summary: str) -> Route:
    """Something that everybody gets alike."""
    return Route(
        method="GET",
        path=path,
        handler=handler,
        access=Access.PUBLIC,
        csrf=False,
        any_origin=True,
        recorded=False,
        summary=summary,
        hidden=True,
    )


def _check(parts: SignIn) -> None:
    issuer = urlsplit(parts.issuer)
    if issuer.scheme not in ("http", "https") or not issuer.hostname or issuer.path or issuer.query or issuer.fragment:
        raise ConfigurationError("The issuer is the front door's public URL: scheme, host and port, nothing after it.")
    if len(parts.cookie_key.reveal()) < 32:
        raise ConfigurationError("The cookie key needs at least 32 characters.")
