"""The built-in chat page: ``/``, ``/assets/...`` (only the files listed here) and ``/page-config.json``.

All files are read once, at start-up. The page may run no script but its own and call nobody but this origin and, in the
pattern `direct`, the agent door (and an outside issuer's token endpoint), since there the browser speaks to it itself.
"""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from doorward.http.request import Request
from doorward.http.response import Response, json_response
from doorward.http.routes import Access, Handler, Route
from doorward.model.settings import Pattern

WEB = Path(__file__).parent.parent / "web"
ASSETS = {
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "calls.js": "text/javascript; charset=utf-8",
    "direct.js": "text/javascript; charset=utf-8",
    "events.js": "text/javascript; charset=utf-8",
    "view.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
# What an issuer sends back to `/` in the pattern `direct`; the page reads it, the server does not.
_ANSWER_FIELDS = ("code", "state", "iss", "error", "error_description", "session_state", "scope")


class DirectConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a browser needs to go to the agent door itself (pattern `direct`): the door's URL, the agent's ARN, the
    issuer's endpoints and our public client there."""

    agent_door: str
    agent_arn: str
    issuer: str
    authorize_endpoint: str
    token_endpoint: str
    end_session_endpoint: str
    client_id: str


class PageConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the page has to know before anybody is signed in. `direct` is set in the pattern `direct` alone."""

    pattern: Pattern
    model: str
    rehearsal: bool
    max_message_characters: int
    direct: DirectConfig | None = None


def page_routes(config: PageConfig) -> list[Route]:
    """The page and what it is made of."""
    policy = content_security_policy(config)

    async def page_config(_: Request) -> Response:
        return json_response(config, headers=[(b"cache-control", b"no-store")])

    index = _Asset(WEB / "index.html", "text/html; charset=utf-8", policy=policy)
    assets = [_route(f"/assets/{name}", _Asset(WEB / name, kind, policy=policy)) for name, kind in ASSETS.items()]
    return [
        _route("/", index, query=_ANSWER_FIELDS),
        *assets,
        Route(
            method="GET",
            path="/page-config.json",
            handler=page_config,
            access=Access.PUBLIC,
            recorded=False,
            cookie=False,
            summary="What the built-in page has to know: the pattern, and where to go in it.",
            responses={200: PageConfig},
        ),
    ]


def content_security_policy(config: PageConfig) -> str:
    """INVARIANT: nothing runs, loads or connects but from this origin and those that `direct` names (AP-TOL-11)."""
    connect = ["'self'"]
    if config.direct is not None:
        for url in (config.direct.agent_door, config.direct.token_endpoint):
            parts = urlsplit(url)
            connect.append(f"{parts.scheme}://{parts.netloc}")
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            f"connect-src {' '.join(dict.fromkeys(connect))}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


class _Asset:
    """One file, with its type, its ETag and the page's policy. Revalidated each time: a new version shows at once."""

    def __init__(self, path: Path, media_type: str, *, policy: str) -> None:
        self._body = path.read_bytes()
        self._tag = f'"{hashlib.sha256(self._body).hexdigest()[:32]}"'
        self._validators = [
            (b"etag", self._tag.encode("ascii")),
            (b"cache-control", b"no-cache"),
            (b"content-security-policy", policy.encode("ascii")),
        ]
        self._headers = [(b"content-type", media_type.encode("ascii")), *self._validators]

    def answer(self, request: Request) -> Response:
        """The file, or 304 when the client has it (RFC 9110 section 13.1.2)."""
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if self._tag in known:
            return Response(status=304, headers=list(self._validators))
        return Response(headers=list(self._headers), body=self._body)


def _route(path: str, asset: _Asset, *, query: tuple[str, ...] = ()) -> Route:
    return Route(
        method="GET",
        path=path,
        handler=_handler(asset),
        access=Access.PUBLIC,
        query=query,
        recorded=False,
        cookie=False,
        hidden=True,
        summary="The built-in page.",
    )


def _handler(asset: _Asset) -> Handler:
    async def serve(request: Request) -> Response:
        return asset.answer(request)

    return serve
