"""The sign-in's own cookies: signed values, the session of the provider, the token in each form. `pages` and endpoints
here call it; it refuses values that it did not sign, that are old, or that come twice."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets

import msgspec
from msgspec import Struct

from doorward.http.request import Request
from doorward.model.secret import Secret
from doorward.model.sign_in import Account
from doorward.ports.clock import Clock
from doorward.ports.sign_in import SignedOutStore
from doorward.sign_in.accounts import Accounts

_PRE_SESSION = re.compile(r"[A-Za-z0-9_-]{43}")
_FORM_TTL = 3600.0
Header = tuple[bytes, bytes]


class ProviderSession(Struct, frozen=True):
    """Somebody is signed in at the provider in this browser. Times in seconds since 1970; `password` is a fingerprint
    of the password hash, so that a new password ends the session."""

    id: str
    subject: str
    auth_time: float
    expires_at: float
    password: str


class Cookies:
    """Names and attributes. With an https issuer cookies are ``__Host-`` and Secure (RFC 6265bis section 4.1.3)."""

    def __init__(self, *, secure: bool) -> None:
        self._prefix = "__Host-" if secure else ""
        self._attributes = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    def read(self, request: Request, name: str) -> str | None:
        """The cookie's value; None when it is missing or sent twice (then somebody tossed one in)."""
        wanted = self._prefix + name
        pairs = (part.strip().partition("=") for line in request.header_values("cookie") for part in line.split(";"))
        values = [value for key, _, value in pairs if key == wanted]
        return values[0] if len(values) == 1 else None

    def set(self, name: str, value: str, *, max_age: float | None = None) -> Header:
        """A Set-Cookie header. Without `max_age` (seconds) the cookie ends with the browser; 0 deletes it."""
        age = "" if max_age is None else f"; Max-Age={int(max_age)}"
        return (b"set-cookie", f"{self._prefix}{name}={value}{self._attributes}{age}".encode())


class FormTokens:
    """Ties a form to the browser that asked for it: the form carries an HMAC over the pre-session cookie, so a page
    elsewhere can neither send it (CSRF) nor plant a form of its own (login fixation, RFC 9700 section 4.7)."""

    NAME = "doorward-sign-in-form"

    def __init__(self, key: Secret, cookies: Cookies, clock: Clock) -> None:
        self._key = key
        self._cookies = cookies
        self._clock = clock

    def issue(self, request: Request, purpose: str) -> tuple[str, list[Header]]:
        """A token for a form, and the cookie to set when the browser has none yet."""
        found = self._pre_session(request)
        value = found or secrets.token_urlsafe(32)
        expiry = str(int(self._clock() + _FORM_TTL))
        token = f"{expiry}.{_mac(self._key, 'form', value, purpose, expiry)}"
        return token, [] if found else [self._cookies.set(self.NAME, value)]

    def holds(self, request: Request, purpose: str, token: str) -> bool:
        """Whether this browser was given this form for this purpose, less than an hour ago."""
        value = self._pre_session(request)
        expiry, _, mac = token.partition(".")
        if value is None or not expiry.isdecimal() or len(expiry) > 12 or int(expiry) < self._clock():
            return False
        return hmac.compare_digest(mac.encode(), _mac(self._key, "form", value, purpose, expiry).encode())

    def clear(self) -> Header:
        """The pre-session ends at sign-in."""
        return self._cookies.set(self.NAME, "", max_age=0)

    def _pre_session(self, request: Request) -> str | None:
        value = self._cookies.read(request, self.NAME)
        return value if value is not None and _PRE_SESSION.fullmatch(value) else None


class SessionsKept(Struct, frozen=True, kw_only=True):
    """How long a session of the provider lives (`ttl`, seconds), and where those that were signed out are kept."""

    signed_out: SignedOutStore
    clock: Clock
    ttl: float


class ProviderSessions:
    """Single sign-on within this provider: a signed cookie, checked against the account each time.

    INVARIANT: what was signed out stays signed out, also for a copy of the cookie and over a restart; and who signs out
    everywhere, or whose sessions an operator ends, is asked for the password in every browser.
    """

    NAME = "doorward-sign-in"

    def __init__(self, key: Secret, cookies: Cookies, accounts: Accounts, kept: SessionsKept) -> None:
        self._key = key
        self._cookies = cookies
        self._accounts = accounts
        self._clock = kept.clock
        self._ttl = kept.ttl
        self._signed_out = kept.signed_out

    def begin(self, account: Account) -> tuple[ProviderSession, Header]:
        """A new session under a new id, with its cookie."""
        now = self._clock()
        session = ProviderSession(
            id=secrets.token_urlsafe(16),
            subject=account.subject,
            auth_time=now,
            expires_at=now + self._ttl,
            password=_fingerprint(account),
        )
        payload = _encode(msgspec.json.encode(session))
        value = f"{payload}.{_mac(self._key, 'session', payload)}"
        return session, self._cookies.set(self.NAME, value, max_age=self._ttl)

    async def read(self, request: Request) -> tuple[ProviderSession, Account] | None:
        """The session of this browser and its account, as long as both hold."""
        session = self._signed(request)
        if session is None or session.expires_at <= self._clock() or await self._signed_out.holds(session.id):
            return None
        if session.auth_time <= await self._signed_out.all_ended_at(session.subject):
            return None
        account = await self._accounts.enabled(session.subject)
        if account is None or not hmac.compare_digest(_fingerprint(account), session.password):
            return None
        return session, account

    async def end(self, request: Request) -> tuple[str, Header]:
        """Sign out: the id is refused from now on. Returns the subject ("" when there is none) and the cookie.

        Raises `StoreUnavailable` when that cannot be made durable.
        """
        session = self._signed(request)
        if session is not None:
            await self._signed_out.add(session.id, until=session.expires_at)
        return session.subject if session else "", self._cookies.set(self.NAME, "", max_age=0)

    def _signed(self, request: Request) -> ProviderSession | None:
        payload, _, mac = (self._cookies.read(request, self.NAME) or "").partition(".")
        if not hmac.compare_digest(mac.encode(), _mac(self._key, "session", payload).encode()):
            return None
        try:
            return msgspec.json.decode(
                base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=ProviderSession
            )
        except (binascii.Error, msgspec.DecodeError):
            return None


def _mac(key: Secret, label: str, *parts: str) -> str:
    # Lengths keep ("a", "bc") and ("ab", "c") apart; the label keeps the uses of the one key apart.
    message = label + "".join(f"\0{len(part)}:{part}" for part in parts)
    return _encode(hmac.digest(key.reveal().encode(), message.encode("utf-8", "surrogateescape"), hashlib.sha256))


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _fingerprint(account: Account) -> str:
    return hashlib.sha256(account.password_hash.encode()).hexdigest()[:16]
