"""A sign-in that has begun: what must come back from the issuer, sealed into a cookie of the browser that began it.

Called by `browser_session`. Refuses a state twice, an expired one, one from another browser (RFC 9700 4.7, AP-OAU-01),
and a return address that could lead off this site (AP-OAU-03).
"""

import base64
import hashlib
import re
import secrets
from collections import OrderedDict

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from doorward.errors import Forbidden, InvalidInput
from doorward.model.secret import Secret

PENDING_TTL = 600.0
MAX_USED = 10_000
# A query may hold encoded characters, but for controls and slashes: nothing in it is ever an address.
RETURN_TO_PATTERN = (
    r"^/(?:[A-Za-z0-9_~-][A-Za-z0-9_~.-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9_~.-]*)*)?"
    r"(?:[?#](?:[A-Za-z0-9_~.*=&+-]|%(?![01]|2[Ff]|5[Cc]|7[Ff])[0-9A-Fa-f]{2})*)?(?!\n)$"
)
_RETURN_TO = re.compile(RETURN_TO_PATTERN)
_NONCE_BYTES = 12


class PendingSignIn(Struct, frozen=True, kw_only=True):
    """`state` and `nonce` as sent to the issuer, the PKCE `verifier`, and where to go afterwards. `expires_at` in
    seconds since 1970."""

    state: str
    nonce: str
    verifier: str
    return_to: str
    expires_at: float

    @property
    def challenge(self) -> str:
        """The PKCE challenge, method S256 (RFC 7636 section 4.2)."""
        digest = hashlib.sha256(self.verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def begin(return_to: str, *, now: float) -> PendingSignIn:
    """A new one, with 256 random bits in each of state, nonce and verifier."""
    return PendingSignIn(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        return_to=safe_return_to(return_to),
        expires_at=now + PENDING_TTL,
    )


def safe_return_to(return_to: str) -> str:
    """A path of this site, with an optional plain query or fragment.

    INVARIANT: nothing that a browser could read as another origin passes: no scheme, no ``//``, no backslash, no
    percent-encoding, no dot segments, no control or blank characters. What does not fit is refused, never repaired.
    """
    if len(return_to) > 512 or not _RETURN_TO.match(return_to):
        raise InvalidInput("return_to is a plain path on this site.", code="invalid_return_to")
    return return_to


class Seal:
    """AES-256-GCM around a pending sign-in, so that the cookie can neither be read nor made by the browser. `key` has
    32 bytes; sign-ins that are under way when it changes have to begin again."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._used: OrderedDict[str, float] = OrderedDict()

    def close(self, pending: PendingSignIn) -> str:
        """The cookie's value."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, msgspec.json.encode(pending), b"sign-in")
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def redeem(self, cookie: str | None, state: str | None, *, now: float) -> PendingSignIn:
        """What `cookie` holds, once, when `state` is its own. Raises `Forbidden` (``sign_in_state``)."""
        pending = self._open(cookie)
        if pending is None or state is None or not Secret(pending.state).matches(state):
            raise _refused("This sign-in was not begun in this browser.")
        if pending.expires_at <= now:
            raise _refused("The sign-in took too long.")
        if pending.state in self._used:
            raise _refused("This sign-in was already used.")
        self._remember(pending, now)
        return pending

    def _open(self, cookie: str | None) -> PendingSignIn | None:
        if cookie is None:
            return None
        try:
            sealed = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
            clear = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], b"sign-in")
        except (ValueError, InvalidTag):
            return None
        return msgspec.json.decode(clear, type=PendingSignIn)

    def _remember(self, pending: PendingSignIn, now: float) -> None:
        self._used[pending.state] = pending.expires_at
        while self._used and (len(self._used) > MAX_USED or next(iter(self._used.values())) <= now):
            self._used.popitem(last=False)


def _refused(message: str) -> Forbidden:
    return Forbidden(f"{message} Begin again at /session/sign-in.", code="sign_in_state")
