"""The built-in page: ``/`` and the other addresses it has, ``/assets/...`` and ``/page-config.json``.

It is built from the sources in the top-level folder ``page`` (``make page``); the files are read once, at start-up. It
may run no script but its own, make no script or markup of text, and call nobody but this origin and, in the pattern
`direct`, the agent door (and an outside issuer's token endpoint), since there the browser speaks to it itself.
"""

import gzip
import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from doorward.errors import ConfigurationError
from doorward.http.request import Request
from doorward.http.response import Response, json_response
from doorward.http.routes import Access, Handler, Route
from doorward.model.chat import OnBusy
from doorward.model.settings import Pattern

WEB = Path(__file__).parent.parent / "web"
ASSETS = WEB / "assets"
# What the build makes; a file of another kind is not served.
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
# Addresses of the page besides `/`, where it finds out by itself what is to be shown. They hold no data.
PLACES = ("/c/{session_id}", "/console", "/console/{part}", "/console/{part}/{item}")
# The filters of the console's views, which the page reads.
_VIEW_FIELDS = ("user", "door", "verdict", "code", "session_id", "since", "until", "console", "window", "near")
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
    """What the page has to know before anybody is signed in. `direct` is set in the pattern `direct` alone; `console`
    says whether there is one for operators."""

    pattern: Pattern
    model: str
    rehearsal: bool
    max_message_characters: int
    on_busy: OnBusy = "reject"
    console: bool = False
    direct: DirectConfig | None = None


def page_routes(config: PageConfig) -> list[Route]:
    """The page and what it is made of. Raises `ConfigurationError` when it is not built."""
    if not (WEB / "index.html").exists():
        raise ConfigurationError(
            f"The page is not built: {WEB} has no index.html. `make page` builds it.", code="page_not_built"
        )
    policy = content_security_policy(config)

    async def page_config(_: Request) -> Response:
        return json_response(config, headers=[(b"cache-control", b"no-store")])

    index = _Asset(WEB / "index.html", "text/html; charset=utf-8", policy=policy)
    assets = [
        _route(f"/assets/{path.name}", _Asset(path, TYPES[path.suffix], policy=policy))
        for path in sorted(ASSETS.iterdir())
        if path.suffix in TYPES
    ]
    return [
        _route("/", index, query=_ANSWER_FIELDS),
        *(_route(place, index, query=_VIEW_FIELDS if place.startswith("/console") else ()) for place in PLACES),
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
    """INVARIANT: nothing runs, loads or connects but from this origin and those that `direct` names, and no script can
    make markup or script of a text: Trusted Types with no policy (AP-TOL-11)."""
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
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


class _Asset:
    """One file, with its type, its ETag and the page's policy, plain and compressed. It is revalidated each time, so
    that a new version shows at once."""

    def __init__(self, path: Path, media_type: str, *, policy: str) -> None:
        body = path.read_bytes()
        tag = hashlib.sha256(body).hexdigest()[:32]
        shared = [
            (b"content-type", media_type.encode("ascii")),
            (b"cache-control", b"no-cache"),
            (b"vary", b"accept-encoding"),
            (b"content-security-policy", policy.encode("ascii")),
        ]
        self._plain = _Form(tag=f'"{tag}"', body=body, headers=shared)
        self._compressed = _Form(
            tag=f'"{tag}-gzip"',
            body=gzip.compress(body, compresslevel=9, mtime=0),
            headers=[*shared, (b"content-encoding", b"gzip")],
        )

    def answer(self, request: Request) -> Response:
        """The file, or 304 when the client has it (RFC 9110 section 13.1.2)."""
        form = self._compressed if _takes_gzip(request) else self._plain
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        validator = (b"etag", form.tag.encode("ascii"))
        if form.tag in known:
            headers = [header for header in form.headers if header[0] not in (b"content-type", b"content-encoding")]
            return Response(status=304, headers=[validator, *headers])
        return Response(headers=[validator, *form.headers], body=form.body)


class _Form(Struct, frozen=True, kw_only=True):
    """A file as it is sent."""

    tag: str
    body: bytes
    headers: list[tuple[bytes, bytes]]


def _takes_gzip(request: Request) -> bool:
    """Whether Accept-Encoding names gzip and does not refuse it (RFC 9110 section 12.5.3)."""
    for given in request.headers.get("accept-encoding", "").split(","):
        coding, _, weight = given.replace(" ", "").partition(";q=")
        if coding.lower() == "gzip":
            return weight.strip("0.") != "" or not weight
    return False


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
