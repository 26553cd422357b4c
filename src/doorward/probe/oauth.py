"""A browser at the target's sign-in: it keeps cookies, follows the flow, and lets attacks change every step of it."""

import json
import secrets
from collections.abc import Iterable
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from msgspec import Struct

from doorward.probe.lab import Lab
from doorward.probe.sign_in import FORM, FormReader, code_request, cookies_of, origin_of, pkce
from doorward.probe.target import Account
from doorward.probe.wire import Header, ProbeError, Reply

EVIL = "evil.example"


class Asked(Struct, frozen=True):
    """The end of an authorization request: the last answer, and the verifier that belongs to its challenge."""

    reply: Reply
    verifier: str

    @property
    def code(self) -> str:
        """The code in the redirect, or nothing."""
        return parameter(self.reply.header("location"), "code")


class Browser:
    """One browser. It sends the sign-in form as the given user only when it is asked for it."""

    def __init__(self, lab: Lab, user: int = 0) -> None:
        self._lab = lab
        self._user = user
        self.cookies: dict[str, dict[str, str]] = {}

    async def get(self, url: str, headers: Iterable[Header] = ()) -> Reply:
        """GET with the cookies of that host; Set-Cookie is kept."""
        return await self.send("GET", url, headers)

    async def send(self, method: str, url: str, headers: Iterable[Header] = (), body: bytes = b"") -> Reply:
        """Any request with the cookies of that host."""
        jar = self.cookies.setdefault(urlsplit(url).netloc, {})
        cookie: list[Header] = [("Cookie", "; ".join(f"{k}={v}" for k, v in jar.items()))] if jar else []
        reply = await self._lab.wire.send(method, url, [*headers, *cookie], body)
        for pair in filter(None, cookies_of(reply).split("; ")):
            name, _, value = pair.partition("=")
            self._lab.withhold(value if len(value) > 16 else "", f"cookie-{name}")
            jar[name] = value
        for name in [name for name, value in jar.items() if not value]:
            del jar[name]
        return reply

    async def ask(self, **changes: str) -> Asked:
        """An authorization request with changes (an empty one leaves a parameter out), through the form if it comes."""
        verifier, challenge = pkce()
        asked = code_request(self._lab.target.sign_in, challenge, **changes)
        url = f"{self._lab.target.sign_in.authorize_endpoint}?{urlencode(asked)}"
        return Asked(await self.through_form(await self.get(url), url), verifier)

    async def through_form(self, page: Reply, url: str) -> Reply:
        """The answer to the sign-in form of `page`, or `page` itself when it has none."""
        form = FormReader()
        form.feed(page.text)
        if page.status != 200 or "password" not in form.fields:
            return page
        account = self._lab.target.users[self._user]
        password = account.password.reveal() if account.password else ""
        filled = {**form.fields, "username": account.username, "password": password}
        headers = [FORM, ("Origin", origin_of(url))]
        return await self.send("POST", urljoin(url, form.action), headers, urlencode(filled).encode())

    async def sign_in_at_front_door(self, *, return_to: str = "") -> Reply:
        """The whole sign-in of a browser session: begin, the issuer's form, the callback; the callback's answer, or the
        first answer that goes no further."""
        callback = await self.callback_url(return_to=return_to)
        return callback if isinstance(callback, Reply) else await self.get(callback)

    async def callback_url(self, *, return_to: str = "") -> str | Reply:
        """Where the issuer sends the browser back, not yet visited; or the answer at which it ended."""
        url = self._lab.target.front_door.rstrip("/") + self._lab.target.session_sign_in
        if return_to:
            url += "?" + urlencode({"return_to": return_to})
        begun = await self.get(url)
        issuer = begun.header("location")
        if not 300 <= begun.status < 400 or not issuer:
            return begun
        sent = await self.through_form(await self.get(issuer), issuer)
        return sent.header("location") or sent

    def session_cookie(self, before: Iterable[str] = ()) -> tuple[str, str]:
        """Name and value of the cookie that the front door set for the session: the one that opens who-am-I. Names in
        `before` are left out. `ProbeError` when there is none."""
        jar = self.cookies.get(urlsplit(self._lab.target.front_door).netloc, {})
        found = [(name, value) for name, value in jar.items() if name not in before]
        if not found:
            raise ProbeError("the front door set no session cookie")
        return found[-1]


async def redeem(lab: Lab, code: str, verifier: str, **changes: str) -> Reply:
    """A code at the token endpoint; an empty change leaves a field out, ``" "`` sends it empty."""
    sign_in = lab.target.sign_in
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": sign_in.redirect_uri,
        "client_id": sign_in.client_id,
        "code_verifier": verifier,
        **changes,
    }
    return await _token(lab, fields)


async def refresh(lab: Lab, token: str) -> Reply:
    """A refresh token at the token endpoint."""
    lab.withhold(token, "refresh-token")
    fields = {"grant_type": "refresh_token", "refresh_token": token, "client_id": lab.target.sign_in.client_id}
    return await _token(lab, fields)


async def _token(lab: Lab, fields: dict[str, str]) -> Reply:
    body = urlencode({name: value.strip() for name, value in fields.items() if value}).encode()
    lab.withhold(fields.get("code", ""), "code")
    reply = await lab.wire.send("POST", lab.target.sign_in.token_endpoint, [FORM], body)
    for name in ("access_token", "id_token", "refresh_token"):
        lab.withhold(text_field(reply, name), name.replace("_", "-"))
    return reply


async def wrong_password(lab: Lab, account: Account, headers: Iterable[Header] = ()) -> Reply:
    """The answer to a wrong password for this account, in a fresh browser, with these headers on the form."""
    browser = Browser(lab)
    _, challenge = pkce()
    url = f"{lab.target.sign_in.authorize_endpoint}?{urlencode(code_request(lab.target.sign_in, challenge))}"
    page = await browser.get(url)
    form = FormReader()
    form.feed(page.text)
    filled = {**form.fields, "username": account.username, "password": secrets.token_hex(8)}
    sent = [FORM, ("Origin", origin_of(url)), *headers]
    return await browser.send("POST", urljoin(url, form.action), sent, urlencode(filled).encode())


async def metadata(lab: Lab) -> dict[str, str]:
    """What the issuer says about itself (OIDC Discovery); empty when it says nothing."""
    if not lab.target.sign_in.issuer:
        return {}
    reply = await lab.wire.send("GET", f"{lab.target.sign_in.issuer.rstrip('/')}/.well-known/openid-configuration")
    found = fields_of(reply)
    return {name: value for name, value in found.items() if isinstance(value, str)}


def gave_tokens(reply: Reply) -> bool:
    """Whether the token endpoint handed out an access token."""
    return 200 <= reply.status < 300 and bool(text_field(reply, "access_token"))


def text_field(reply: Reply, name: str) -> str:
    """A text in a JSON answer, or nothing."""
    value = fields_of(reply).get(name)
    return value if isinstance(value, str) else ""


def fields_of(reply: Reply) -> dict[str, object]:
    """A JSON object that was answered; empty when it is none."""
    try:
        found = json.loads(reply.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def parameter(url: str, name: str) -> str:
    """A query parameter of a URL, or nothing."""
    return parse_qs(urlsplit(url).query).get(name, [""])[0]


def leads_to(base: str, location: str) -> str:
    """The host that a browser goes to: it reads a backslash as a slash, and ignores tabs and line breaks."""
    cleaned = location.translate(str.maketrans("\\", "/", "\t\r\n")).strip()
    return urlsplit(urljoin(base, cleaned)).netloc.rpartition("@")[2]


def lacks_sign_in(lab: Lab) -> str:
    """Why the flows of OAuth cannot be tried, or nothing."""
    if lab.target.sign_in.kind != "code" or not lab.target.users or lab.target.users[0].password is None:
        return "The target names no sign-in form with an authorization code flow."
    return ""
