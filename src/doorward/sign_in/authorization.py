"""Reads an authorization request (RFC 6749 section 4.1.1, OIDC Core section 3.1.2.1). The authorize endpoint calls it
with the parameters; it refuses everything but the code flow with exact redirect URIs and PKCE S256."""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from msgspec import Struct

from doorward.sign_in.clients import Clients
from doorward.sign_in.oauth_errors import RefusedRequest, UnsafeRequest

SCOPES = ("openid", "email", "profile")
# What goes through the sign-in form and comes back with it.
CARRIED = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
)
# What clients of the field send besides; most of it is a wish that may be ignored (OIDC Core section 3.1.2.1).
PARAMETERS = (
    *CARRIED,
    "response_mode",
    "prompt",
    "max_age",
    "login_hint",
    "id_token_hint",
    "request",
    "request_uri",
    "registration",
    "claims",
    "display",
    "ui_locales",
    "claims_locales",
    "acr_values",
    "lang",
    "identity_provider",
    "idp_identifier",
    "resource",
    "audience",
    "access_type",
)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # the only length that S256 has (RFC 7636 section 4.2)
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})
_REFUSALS = {"request": "request_not_supported", "request_uri": "request_uri_not_supported"}


class AuthorizationRequest(Struct, frozen=True, kw_only=True):
    """A request that holds. `carried` are the parameters to put into the form, `max_age` is in seconds."""

    client_id: str
    redirect_uri: str
    scope: str
    state: str | None
    nonce: str | None
    code_challenge: str | None
    prompts: frozenset[str]
    max_age: int | None
    login_hint: str
    id_token_hint: str | None
    carried: dict[str, str]


class AuthorizationRules:
    """Knows the clients and the issuer."""

    def __init__(self, clients: Clients, issuer: str) -> None:
        self._clients = clients
        self._issuer = issuer

    def read(self, params: Mapping[str, str]) -> AuthorizationRequest:
        """The request, or `UnsafeRequest` as long as client and redirect URI do not hold, then `RefusedRequest`.

        INVARIANT: no redirect is made to a URI that is not registered, character for character, for this client.
        """
        client = self._clients.find(params.get("client_id"))
        if client is None:
            raise UnsafeRequest("The application is not known here (client_id).")
        redirect_uri = params.get("redirect_uri", "")
        if redirect_uri not in client.redirect_uris:
            raise UnsafeRequest("The application asked to be answered at an address that it has not registered.")
        refuse = _Refusal(self, redirect_uri, params.get("state"))
        refuse.unless_code_flow(params)
        prompts = frozenset(params.get("prompt", "").split())
        if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
            raise refuse.as_("invalid_request", "prompt is not understood.")
        return AuthorizationRequest(
            client_id=client.client_id,
            redirect_uri=redirect_uri,
            scope=refuse.unless_scope(params.get("scope")),
            state=params.get("state"),
            nonce=params.get("nonce"),
            code_challenge=refuse.unless_pkce(params, required=client.require_pkce),
            prompts=prompts,
            max_age=refuse.unless_seconds(params.get("max_age")),
            login_hint=params.get("login_hint", "")[:64],
            id_token_hint=params.get("id_token_hint"),
            carried={name: params[name] for name in CARRIED if name in params},
        )

    def location(self, redirect_uri: str, state: str | None, answer: Mapping[str, str]) -> str:
        """Where the browser goes next: `answer`, the state as it came and the issuer (RFC 9207)."""
        fields = {**answer, **({} if state is None else {"state": state}), "iss": self._issuer}
        return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(fields)}"

    def refused(self, request: AuthorizationRequest, error: str, message: str) -> RefusedRequest:
        """A refusal that is found later, such as ``login_required``."""
        return _Refusal(self, request.redirect_uri, request.state).as_(error, message)


class _Refusal:
    """Builds the refusals of one request, now that its client and redirect URI hold."""

    def __init__(self, rules: AuthorizationRules, redirect_uri: str, state: str | None) -> None:
        self._rules = rules
        self._redirect_uri = redirect_uri
        self._state = state

    def as_(self, error: str, message: str) -> RefusedRequest:
        answer = {"error": error, "error_description": message}
        return RefusedRequest(error, message, location=self._rules.location(self._redirect_uri, self._state, answer))

    def unless_code_flow(self, params: Mapping[str, str]) -> None:
        for name, error in _REFUSALS.items():
            if name in params:
                raise self.as_(error, f"{name} is not supported.")
        if "response_type" not in params:
            raise self.as_("invalid_request", "response_type is missing.")
        if params["response_type"] != "code":
            raise self.as_("unsupported_response_type", "Only response_type=code is offered.")
        if params.get("response_mode", "query") != "query":
            raise self.as_("invalid_request", "Only response_mode=query is offered.")

    def unless_scope(self, scope: str | None) -> str:
        """The scope in our order. Without one, all that there is (as Cognito does)."""
        asked = SCOPES if scope is None else tuple(scope.split(" "))
        if not asked or not set(asked) <= set(SCOPES):
            raise self.as_("invalid_scope", "Scopes are openid, email and profile.")
        return " ".join(name for name in SCOPES if name in asked)

    def unless_pkce(self, params: Mapping[str, str], *, required: bool) -> str | None:
        """The challenge. A method without a challenge, an empty one and ``plain`` are refused whatever the client."""
        challenge = params.get("code_challenge")
        if challenge is None and "code_challenge_method" not in params and not required:
            return None
        if not challenge:
            raise self.as_("invalid_request", "code_challenge is missing.")
        if params.get("code_challenge_method") != "S256":
            raise self.as_("invalid_request", "code_challenge_method must be S256.")
        if not _CHALLENGE.fullmatch(challenge):
            raise self.as_("invalid_request", "code_challenge is no SHA-256 in base64url.")
        return challenge

    def unless_seconds(self, value: str | None) -> int | None:
        if value is None:
            return None
        if not (value.isascii() and value.isdecimal() and len(value) <= 9):
            raise self.as_("invalid_request", "max_age is no number of seconds.")
        return int(value)
