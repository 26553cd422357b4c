"""Which origins may call, and the CORS headers (fetch.spec.whatwg.org) that say so. Pure."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from doorward.http.response import Headers
from doorward.http.routes import Access, Route
from doorward.model.settings import FrontDoorSettings

_EXPOSED = (
    b"x-request-id, x-turn-id, x-session-id, retry-after, ratelimit, ratelimit-policy, www-authenticate, location, "
    b"idempotency-replayed"
)
_REQUEST_HEADERS = b"authorization, content-type, accept, x-csrf-token, idempotency-key, last-event-id"
_VARY = (b"vary", b"origin")
_ANY = (b"access-control-allow-origin", b"*")
_EXPOSE = (b"access-control-expose-headers", _EXPOSED)
_CREDENTIALS = (b"access-control-allow-credentials", b"true")


class Origins:
    """The allow-list of origins. Origins are compared as whole strings, as browsers serialise them (RFC 6454 6.2)."""

    def __init__(self, settings: FrontDoorSettings, public_url: str) -> None:
        parts = urlsplit(public_url)
        self._scheme = parts.scheme or "http"
        self._own = f"{self._scheme}://{parts.netloc}".lower()
        self._listed = frozenset(settings.allowed_origins)
        self._wildcard = "*" in self._listed
        self._credentials = settings.allow_credentials

    def is_own(self, origin: str, host: str) -> bool:
        """Whether it is our own page. `host` is the Host header, which has been checked against the list of hosts."""
        return origin == self._own or origin == f"{self._scheme}://{host}".lower()

    def may_call(self, origin: str, host: str) -> bool:
        """Whether this origin may call and read the answers."""
        return self._wildcard or origin in self._listed or self.is_own(origin, host)

    def may_send_cookies(self, origin: str | None, host: str) -> bool:
        """Whether a cookie from this origin counts. Never for the wildcard: that would be everybody."""
        if origin is None or self.is_own(origin, host):
            return True
        return self._credentials and origin in self._listed

    def headers(self, origin: str | None, host: str, route: Route | None) -> Headers:
        """The CORS headers of an answer, errors too. INVARIANT: ``*`` never goes with credentials."""
        if origin is None:
            return [_VARY]
        if self.is_own(origin, host) or origin in self._listed:
            fields = [_VARY, (b"access-control-allow-origin", origin.encode("latin-1")), _EXPOSE]
            if self.may_send_cookies(origin, host):
                fields.append(_CREDENTIALS)
            return fields
        if self._wildcard or (route is not None and route.any_origin):
            return [_VARY, _ANY, _EXPOSE]
        return [_VARY]


def preflight_headers(methods: Iterable[str]) -> Headers:
    """What a preflight may be told: exactly the methods of that path, and the request headers that we read."""
    return [
        (b"access-control-allow-methods", ", ".join(methods).encode()),
        (b"access-control-allow-headers", _REQUEST_HEADERS),
        (b"access-control-max-age", b"600"),
    ]


def open_to_all(route: Route | None, method: str) -> bool:
    """Whether a page of a foreign origin may at least send this: public reading, or a route made for it."""
    if route is None:
        return False
    return route.any_origin or (route.access is Access.PUBLIC and method in {"GET", "HEAD"})
