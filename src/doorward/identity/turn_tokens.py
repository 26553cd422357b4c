"""Turn tokens: who the user of a running turn is, signed by us, for one audience and for minutes.

The chat service (or the agent door, in the patterns without one) mints them; the agent door, tool door and model door
verify them. A user's token is none, and a turn token is no user's token: type, key and issuer differ (AP-BYP-04).
"""

import hashlib
import secrets
from collections.abc import Iterable

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from doorward.errors import ConfigurationError, Unauthenticated
from doorward.identity.compact import decode_base64url, encode_base64url
from doorward.model.principals import TurnIdentity
from doorward.ports.clock import Clock

MAX_TURN_TOKEN_BYTES = 4096
CLOCK_TOLERANCE = 30.0


class _Actor(Struct, frozen=True, forbid_unknown_fields=True):
    """RFC 8693 4.1: the service that acts."""

    sub: str


class _Claims(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly these, in this order. Times are whole seconds since 1970; `user_iss` and `sub` name the user."""

    iss: str
    user_iss: str
    sub: str
    act: _Actor
    aud: str
    session_id: str
    turn_id: str
    iat: int
    exp: int
    jti: str


class TurnTokenReader:
    """Verifies turn tokens with public keys alone. Fulfils `ports.identity.TurnTokens` where nothing mints: `mint`
    refuses."""

    def __init__(self, deployment: str, keys: Iterable[Ed25519PublicKey], clock: Clock) -> None:
        """`deployment` is the issuer of turn tokens: a name of this house. Several `keys` allow rotation."""
        self._deployment = deployment
        self._keys = {_header(key): key for key in keys}
        self._clock = clock
        self._decoder = msgspec.json.Decoder(_Claims, strict=True)
        if not deployment or not self._keys:
            raise ConfigurationError("turn tokens need a deployment and a key")

    def mint(self, identity: TurnIdentity) -> str:
        """Always a `ConfigurationError`: this process holds no signing key."""
        raise ConfigurationError(f"this process cannot sign a turn token (turn {identity.turn_id})")

    def verify(self, token: str, *, audience: str) -> TurnIdentity:
        """Who the turn is for. Raises `Unauthenticated` (``turn_token_invalid``) for everything else.

        INVARIANT: a turn has one spelling. The header must be, byte for byte, the one we write for a key we hold, and
        the claims must encode back to the very bytes that were signed; so there is nothing to interpret.
        """
        claims = self._claims(token)
        now = self._clock()
        current = claims.iat - CLOCK_TOLERANCE <= now < claims.exp
        if claims.iss != self._deployment or claims.aud != audience or not audience or not current:
            raise _invalid()
        return TurnIdentity(
            issuer=claims.user_iss,
            subject=claims.sub,
            actor=claims.act.sub,
            session_id=claims.session_id,
            turn_id=claims.turn_id,
            audience=claims.aud,
            expires_at=float(claims.exp),
        )

    def _claims(self, token: str) -> _Claims:
        if len(token) > MAX_TURN_TOKEN_BYTES or not token.isascii():
            raise _invalid()
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        key = self._keys.get(header)
        if key is None:
            raise _invalid()
        try:
            key.verify(decode_base64url(signature), signed.encode("ascii"))
            raw = decode_base64url(payload)
            claims = self._decoder.decode(raw)
        except (InvalidSignature, Unauthenticated, msgspec.DecodeError, UnicodeDecodeError):
            raise _invalid() from None
        if msgspec.json.encode(claims) != raw:
            raise _invalid()
        return claims


class SignedTurnTokens(TurnTokenReader):
    """`ports.identity.TurnTokens` with the signing key."""

    def __init__(self, deployment: str, key: Ed25519PrivateKey, clock: Clock) -> None:
        super().__init__(deployment, [key.public_key()], clock)
        self._signing_key = key
        self._prefix = next(iter(self._keys)).encode("ascii") + b"."

    def mint(self, identity: TurnIdentity) -> str:
        """A token that ends at `identity.expires_at`, rounded down to a whole second."""
        claims = _Claims(
            iss=self._deployment,
            user_iss=identity.issuer,
            sub=identity.subject,
            act=_Actor(identity.actor),
            aud=identity.audience,
            session_id=identity.session_id,
            turn_id=identity.turn_id,
            iat=int(self._clock()),
            exp=int(identity.expires_at),
            jti=secrets.token_hex(16),
        )
        signed = self._prefix + encode_base64url(msgspec.json.encode(claims))
        token = signed + b"." + encode_base64url(self._signing_key.sign(signed))
        return token.decode("ascii")


def stated(token: str) -> tuple[str, str, str]:
    """The user's issuer, their subject, and the turn, as a turn token states them, *not verified*.

    Only for a place that nobody but our own service can reach, known by something else (on AWS its role, by IAM): there
    the token is as good as any other word of that service. `Unauthenticated` (``turn_token_invalid``) for what is none.
    """
    try:
        claims = msgspec.json.decode(decode_base64url(token.split(".")[1]), type=_Claims)
    except (Unauthenticated, msgspec.DecodeError, IndexError, UnicodeError):
        raise _invalid() from None
    return claims.user_iss, claims.sub, claims.turn_id


def _header(key: Ed25519PublicKey) -> str:
    """The encoded header of tokens by this key; ``kid`` is its RFC 7638 thumbprint."""
    public = encode_base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}'.encode()).digest()
    header = f'{{"alg":"EdDSA","kid":"{encode_base64url(thumbprint).decode()}","typ":"turn+jwt"}}'
    return encode_base64url(header.encode()).decode()


def _invalid() -> Unauthenticated:
    return Unauthenticated("The turn token does not hold.", code="turn_token_invalid")
