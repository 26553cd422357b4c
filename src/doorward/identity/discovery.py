"""What an OIDC issuer says about itself (OpenID Connect Discovery 1.0), checked before it is used.

The key source and the browser session of the front door call it. It refuses a document that speaks for another issuer,
and addresses to which a token or a password would travel in the clear.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Struct

from doorward.errors import ConfigurationError, StoreUnavailable
from doorward.ports.clock import Clock

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets one URL: the body of a 200, within its own limits of size and time. Raises `StoreUnavailable`
(``issuer_unreachable``) otherwise. `identity.fetch.HttpFetch` is the real one."""

_PATH = "/.well-known/openid-configuration"


class ProviderMetadata(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The members of the discovery document that are used. An endpoint that the issuer lacks is an empty string;
    `msgspec.to_builtins` leaves it out."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    userinfo_endpoint: str = ""
    revocation_endpoint: str = ""
    end_session_endpoint: str = ""
    scopes_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    id_token_signing_alg_values_supported: tuple[str, ...] = ()
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


def check_issuer_url(issuer: str) -> None:
    """An issuer is an https URL without query and fragment (OIDC Discovery 3); http only on this machine's loopback.
    Raises `ConfigurationError`."""
    if "?" in issuer or "#" in issuer or not _safe(issuer, loopback=True):
        raise ConfigurationError("sign_in.issuer must be an https URL without query, fragment and user name")


async def discover(fetch: Fetch, issuer: str) -> ProviderMetadata:
    """Fetch and check the issuer's document.

    INVARIANT: its ``issuer`` equals ours exactly (OIDC Discovery 4.3), and every endpoint is https, or http on the
    loopback when the issuer itself is. Raises `StoreUnavailable`: ``issuer_unreachable`` when it cannot be had,
    ``issuer_invalid`` when it does not hold; `ConfigurationError` for an issuer that cannot be one.
    """
    check_issuer_url(issuer)
    body = await fetch(issuer.removesuffix("/") + _PATH)
    try:
        metadata = msgspec.json.decode(body, type=ProviderMetadata)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise invalid("Its discovery document cannot be read.") from None
    if metadata.issuer != issuer:
        raise invalid("Its discovery document speaks for another issuer.")
    loopback = urlsplit(issuer).scheme == "http"
    for url in (
        metadata.jwks_uri,
        metadata.authorization_endpoint or issuer,
        metadata.token_endpoint or issuer,
        metadata.userinfo_endpoint or issuer,
        metadata.revocation_endpoint or issuer,
        metadata.end_session_endpoint or issuer,
    ):
        if not _safe(url, loopback=loopback):
            raise invalid("Its discovery document names an endpoint that is not https.")
    return metadata


class CachedDiscovery:
    """An issuer's metadata, fetched when it is first wanted and kept for `max_age` seconds. A key source and a browser
    session may share one. Fails closed, with the errors of `discover`."""

    def __init__(self, issuer: str, fetch: Fetch, clock: Clock, *, max_age: float = 3600.0) -> None:
        check_issuer_url(issuer)
        self.issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._max_age = max_age
        self._fetched_at = 0.0
        self._metadata: ProviderMetadata | None = None
        self._lock = asyncio.Lock()

    async def metadata(self) -> ProviderMetadata:
        """What the issuer says about itself."""
        async with self._lock:
            now = self._clock()
            if self._metadata is None or not self._fetched_at <= now < self._fetched_at + self._max_age:
                self._metadata = await discover(self._fetch, self.issuer)
                self._fetched_at = now
            return self._metadata

    async def mapping(self) -> dict[str, Any]:
        """The same as a mapping, without the members that the issuer does not have."""
        return cast("dict[str, Any]", msgspec.to_builtins(await self.metadata()))

    def forget(self) -> None:
        """Fetch it anew next time: something it named did not answer."""
        self._metadata = None


def invalid(reason: str) -> StoreUnavailable:
    """The error for an issuer whose documents do not hold."""
    return StoreUnavailable(f"The issuer cannot be used. {reason}", code="issuer_invalid")


def _safe(url: str, *, loopback: bool) -> bool:
    """Whether `url` is https with a host and without user name, or, with `loopback`, http to a loopback address."""
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or 0 < parts.port < 65536
    except ValueError:
        return False
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or not port_fits:
        return False
    if not parts.hostname or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (loopback and parts.scheme == "http" and _is_loopback(parts))


def _is_loopback(parts: SplitResult) -> bool:
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
