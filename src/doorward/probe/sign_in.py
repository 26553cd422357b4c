"""How the probe gets a user's tokens: given, by authorization code and PKCE through a sign-in form, or from Cognito."""

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from msgspec import Struct

from doorward.model.secret import Secret
from doorward.probe.target import Account, SignIn
from doorward.probe.wire import Header, ProbeError, Reply, Wire

FORM: Header = ("Content-Type", "application/x-www-form-urlencoded")


class Tokens(Struct, frozen=True, kw_only=True):
    """What a sign-in gave."""

    access: Secret
    id: Secret | None = None
    refresh: Secret | None = None

    def named(self) -> dict[str, Secret]:
        """Those that there are, by name."""
        named = {"access-token": self.access, "id-token": self.id, "refresh-token": self.refresh}
        return {name: token for name, token in named.items() if token is not None}


async def tokens_for(sign_in: SignIn, account: Account, wire: Wire) -> Tokens:
    """The tokens of this account. `ProbeError` when the target does not give them."""
    if account.token is not None:
        return Tokens(access=account.token)
    if sign_in.kind == "cognito":
        return await _from_cognito(sign_in, account, wire)
    if sign_in.kind == "code":
        code, verifier = await authorize(sign_in, account, wire)
        return tokens_of(await redeem(sign_in, wire, code=code, verifier=verifier))
    raise ProbeError("a user has neither a token nor a way to sign in")


def code_request(sign_in: SignIn, challenge: str, **changes: str) -> dict[str, str]:
    """The parameters of an authorization request, with changes; an empty change leaves the parameter out."""
    asked = {
        "response_type": "code",
        "client_id": sign_in.client_id,
        "redirect_uri": sign_in.redirect_uri,
        "scope": sign_in.scope,
        "state": secrets.token_urlsafe(12),
        "nonce": secrets.token_urlsafe(12),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: value for name, value in asked.items() if value}


def pkce() -> tuple[str, str]:
    """A verifier and its S256 challenge (RFC 7636)."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    return verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def authorize(sign_in: SignIn, account: Account, wire: Wire, **changes: str) -> tuple[str, str]:
    """Go through the sign-in form; the code and the PKCE verifier that belongs to it."""
    verifier, challenge = pkce()
    reply = await submit(sign_in, account, wire, code_request(sign_in, challenge, **changes))
    code = parse_qs(urlsplit(reply.header("location")).query).get("code", [""])[0]
    if not code:
        raise ProbeError(f"signing in gave no code (status {reply.status})")
    return code, verifier


async def submit(sign_in: SignIn, account: Account, wire: Wire, asked: Mapping[str, str]) -> Reply:
    """Ask for the form, fill it in, send it; the answer that redirects (or refuses)."""
    page = await wire.send("GET", f"{sign_in.authorize_endpoint}?{urlencode(asked)}")
    if page.status != 200:
        return page
    form = FormReader()
    form.feed(page.text)
    filled = {**form.fields, "username": account.username}
    filled["password"] = account.password.reveal() if account.password else ""
    headers = [FORM, ("Cookie", cookies_of(page)), ("Origin", origin_of(sign_in.authorize_endpoint))]
    url = urljoin(sign_in.authorize_endpoint, form.action)
    return await wire.send("POST", url, headers, urlencode(filled).encode())


async def redeem(sign_in: SignIn, wire: Wire, *, code: str, verifier: str, **changes: str) -> Reply:
    """Exchange a code at the token endpoint; the answer as it came."""
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": sign_in.redirect_uri,
        "client_id": sign_in.client_id,
        "code_verifier": verifier,
        **changes,
    }
    body = urlencode({name: value for name, value in fields.items() if value}).encode()
    return await wire.send("POST", sign_in.token_endpoint, [FORM], body)


def tokens_of(reply: Reply) -> Tokens:
    """The tokens in a token endpoint's answer. `ProbeError` when there are none."""
    try:
        found = json.loads(reply.body)
        optional = {name: Secret(found[f"{name}_token"]) for name in ("id", "refresh") if found.get(f"{name}_token")}
        return Tokens(access=Secret(found["access_token"]), **optional)
    except (ValueError, KeyError, TypeError):
        raise ProbeError(f"the token endpoint gave no tokens (status {reply.status})") from None


async def _from_cognito(sign_in: SignIn, account: Account, wire: Wire) -> Tokens:
    password = account.password.reveal() if account.password else ""
    body = {
        "AuthFlow": "USER_PASSWORD_AUTH",
        "ClientId": sign_in.client_id,
        "AuthParameters": {"USERNAME": account.username, "PASSWORD": password},
    }
    headers = [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", "AWSCognitoIdentityProviderService.InitiateAuth"),
    ]
    reply = await wire.send("POST", sign_in.cognito_url, headers, json.dumps(body).encode())
    try:
        found = json.loads(reply.body)["AuthenticationResult"]
        return Tokens(access=Secret(found["AccessToken"]), id=Secret(found["IdToken"]))
    except (ValueError, KeyError, TypeError):
        raise ProbeError(f"Cognito gave no tokens (status {reply.status})") from None


class FormReader(HTMLParser):
    """The first form of a page: its action and its fields."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        given = dict(attrs)
        if tag == "form" and not self.action:
            self.action = given.get("action") or ""
        if tag == "input" and given.get("name"):
            self.fields[str(given["name"])] = given.get("value") or ""


def cookies_of(reply: Reply) -> str:
    """A Cookie header made of an answer's Set-Cookie headers."""
    values = [value.split(";", 1)[0] for name, value in reply.headers if name.lower() == "set-cookie"]
    return "; ".join(values)


def origin_of(url: str) -> str:
    """Scheme and host of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
