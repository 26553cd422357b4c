"""The rules that the claims of a user's token must meet, by the issuer's style of tokens. Pure: claims and a time in,
a user or an error out.

The token verifier calls it once the signature holds. Rules: RFC 7519 4.1, RFC 8725 3.8-3.12, RFC 9068 4; for Cognito,
"Verifying JSON web tokens" of its developer guide.
"""

import hashlib
from typing import Any, Literal

from msgspec import Struct

from doorward.errors import ConfigurationError, Unauthenticated
from doorward.identity.compact import CompactJwt
from doorward.identity.key_set import SUPPORTED_ALGORITHMS
from doorward.identity.profile import email_of, roles_of, tenant_of, username_of
from doorward.model.principals import User
from doorward.model.settings import SignInSettings

MAX_SUBJECT_CHARACTERS = 255
MAX_CLOCK_SKEW = 60.0
LATEST_TIME = 253_402_300_799  # the end of the year 9999; anything later is a mistake or an attack

TokenStyle = Literal["rfc9068", "cognito", "oidc"]

_ACCESS_TYPES: dict[str, frozenset[str]] = {
    "rfc9068": frozenset({"at+jwt"}),
    "cognito": frozenset({"", "jwt", "at+jwt"}),
    "oidc": frozenset({"", "jwt", "at+jwt"}),
}
# OIDC Core 2 (ID token), OIDC Back-Channel Logout 2.4 (logout token): claims that an access token does not have.
_FOREIGN_CLAIMS = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "events"})
# Claims of logout tokens and of tokens bound to a key, which an ID token does not have; and those that mark an access
# token when it may be either.
_NO_ID_CLAIMS = frozenset({"events", "cnf"})
_ACCESS_MARKS = frozenset({"client_id", "scope", "scp"})


class TokenRules(Struct, frozen=True, kw_only=True):
    """What one door asks of a user's token.

    `issuer` is compared exactly. `clients` are the client ids whose tokens are taken; empty takes any (not with style
    ``cognito`` or `id_tokens`, which have nothing else to go by). `id_tokens` also takes ID tokens, whose audience is a
    client id. `clock_skew` in seconds, at most 60.
    """

    issuer: str
    audience: str
    clients: frozenset[str] = frozenset()
    algorithms: frozenset[str] = frozenset({"RS256"})
    style: TokenStyle = "rfc9068"
    id_tokens: bool = False
    role_claim: str = "cognito:groups"
    tenant_claim: str = ""
    clock_skew: float = 30.0

    def __post_init__(self) -> None:
        if not self.algorithms or not self.algorithms <= SUPPORTED_ALGORITHMS:
            raise ConfigurationError(f"algorithms must be some of {', '.join(sorted(SUPPORTED_ALGORITHMS))}")
        if not self.issuer or (self.style != "cognito" and not self.audience):
            raise ConfigurationError("issuer and audience must be set")
        if (self.style == "cognito" or self.id_tokens) and not self.clients:
            raise ConfigurationError("clients_allowed must be set for token_style cognito and for cognito_compatible")
        if not 0 <= self.clock_skew <= MAX_CLOCK_SKEW:
            raise ConfigurationError("clock_skew must be between 0 and 60 seconds")

    def fingerprint(self) -> bytes:
        """32 bytes that differ when any rule differs."""
        parts = [
            self.issuer,
            self.audience,
            *(repr(sorted(names)) for names in (self.clients, self.algorithms)),
            self.style,
            repr(self.id_tokens),
            self.role_claim,
            self.tenant_claim,
            repr(self.clock_skew),
        ]
        return hashlib.sha256(repr(parts).encode()).digest()


def rules_of(settings: SignInSettings, *, issuer: str, clients: frozenset[str], id_tokens: bool = False) -> TokenRules:
    """The rules that the configuration asks for. `issuer` is the real one: ours when the setting is empty."""
    return TokenRules(
        issuer=issuer,
        audience=settings.audience,
        clients=clients,
        algorithms=frozenset(settings.algorithms),
        style=settings.token_style,
        id_tokens=id_tokens,
        role_claim=settings.role_claim,
        tenant_claim=settings.tenant_claim,
        clock_skew=settings.clock_skew,
    )


def check_issuer(rules: TokenRules, claims: dict[str, Any]) -> None:
    """Exact, byte for byte. Done before a key is looked for, so that foreign tokens cause no fetch of keys."""
    if claims.get("iss") != rules.issuer:
        raise Unauthenticated("The token is from another issuer.", code="token_issuer")


def user_of(rules: TokenRules, token: CompactJwt) -> User:
    """The user a verified token names. Raises `Unauthenticated`: ``token_type``, ``token_audience``,
    ``token_claims``."""
    refusal = _access_refusal(rules, token)
    if refusal is not None and not (rules.id_tokens and _is_bearer_id_token(rules, token)):
        raise refusal
    return user_from(rules, token.claims)


def user_from(rules: TokenRules, claims: dict[str, Any]) -> User:
    """The user that the claims of a token of any kind name. Raises `Unauthenticated` (``token_claims``)."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARACTERS or not subject.isprintable():
        raise bad_claim("sub")
    username, roles = username_of(claims, subject), roles_of(claims, rules.role_claim)
    if username is None or roles is None:
        raise bad_claim("username" if username is None else rules.role_claim)
    tenant = tenant_of(claims, rules.tenant_claim)
    if tenant is None:
        raise bad_claim(rules.tenant_claim)
    email = email_of(claims)
    return User(issuer=rules.issuer, subject=subject, username=username, email=email, roles=roles, tenant=tenant)


def validity(rules: TokenRules, claims: dict[str, Any], now: float) -> tuple[float, float]:
    """From when until when (exclusive, seconds since 1970, leeway included) the token holds.

    Times are JSON integers (AP-JWT-08): RFC 7519 also allows fractions, but no issuer needs them and a strict reader
    has fewer ways to be wrong. Raises `Unauthenticated`: ``token_claims``, ``token_expired``, ``token_not_yet_valid``.
    """
    if "exp" not in claims:
        raise bad_claim("exp")
    end = _time(claims, "exp", 0) + rules.clock_skew
    begin = max(_time(claims, "nbf", 0), _time(claims, "iat", 0)) - rules.clock_skew
    if now >= end:
        raise Unauthenticated("The token has expired.", code="token_expired")
    if now < begin:
        raise Unauthenticated("The token is not valid yet.", code="token_not_yet_valid")
    return begin, end


def bad_claim(name: str) -> Unauthenticated:
    """The error for a claim that is missing or does not fit."""
    return Unauthenticated(f"The claim {name} of the token is missing or does not fit.", code="token_claims")


def _time(claims: dict[str, Any], name: str, absent: int) -> int:
    value = claims.get(name, absent)
    if type(value) is not int or not 0 <= value <= LATEST_TIME:
        raise bad_claim(name)
    return value


def _access_refusal(rules: TokenRules, token: CompactJwt) -> Unauthenticated | None:
    claims = token.claims
    if token.type not in _ACCESS_TYPES[rules.style] or claims.get("token_use", "access") != "access" or "cnf" in claims:
        # cnf (RFC 7800): bound to a key whose possession is not proven to us, so it is no bearer token.
        return _wrong_type()
    if rules.style == "cognito":
        if claims.get("token_use") != "access":
            return _wrong_type()
        return None if _client_fits(rules, claims) else _wrong_audience()
    if not _FOREIGN_CLAIMS.isdisjoint(claims) or str(claims.get("typ", "bearer")).lower() != "bearer":
        return _wrong_type()  # Keycloak names the kind in a claim: ID, Refresh, Logout or Bearer
    return None if _audience_fits(rules, claims) and _client_fits(rules, claims) else _wrong_audience()


def _is_bearer_id_token(rules: TokenRules, token: CompactJwt) -> bool:
    """Whether a token that a client sent is an ID token: it says so, or nothing marks it as an access token."""
    marked = token.claims.get("token_use") != "id" and not _ACCESS_MARKS.isdisjoint(token.claims)
    return not marked and id_token_refusal(rules.clients, token) is None


def id_token_refusal(clients: frozenset[str], token: CompactJwt) -> Unauthenticated | None:
    """None when it is an ID token for one of `clients`, else the error.

    OIDC Core 3.1.3.7: an ID token's audience is the client alone; ``azp``, if there, is a client of ours too.
    """
    claims = token.claims
    if token.type not in ("", "jwt") or claims.get("token_use", "id") != "id" or not _NO_ID_CLAIMS.isdisjoint(claims):
        return _wrong_type()
    if str(claims.get("typ", "id")).lower() != "id":
        return _wrong_type()
    audience = claims.get("aud")
    alone = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    ours = _is_one_of(clients, alone)
    return None if ours and _is_one_of(clients, claims.get("azp", alone)) else _wrong_audience()


def _audience_fits(rules: TokenRules, claims: dict[str, Any]) -> bool:
    """RFC 9068 4 and RFC 8725 3.9, AP-JWT-06: the string, or an array of only ours. An array that also names others is
    taken only when the token says which client it was given to and that is one of the configured ones: the others
    could pass such a token on to us."""
    audience = claims.get("aud")
    if isinstance(audience, str):
        return audience == rules.audience
    if not isinstance(audience, list) or not all(isinstance(entry, str) for entry in audience):
        return False
    if rules.audience not in audience:
        return False
    return len(audience) == 1 or bool(rules.clients)


def _client_fits(rules: TokenRules, claims: dict[str, Any]) -> bool:
    """Every client the token names is one of ours, and it names one, when clients are configured."""
    named = [claims[name] for name in ("client_id", "azp") if name in claims]
    if not rules.clients:
        return all(isinstance(name, str) for name in named)
    return bool(named) and all(_is_one_of(rules.clients, name) for name in named)


def _is_one_of(clients: frozenset[str], name: object) -> bool:
    return isinstance(name, str) and name in clients


def _wrong_type() -> Unauthenticated:
    return Unauthenticated("The token is not an access token for this door.", code="token_type")


def _wrong_audience() -> Unauthenticated:
    return Unauthenticated("The token is meant for another audience or client.", code="token_audience")
