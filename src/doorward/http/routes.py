"""Routes as data, and the table that finds them. What is not in the table does not exist."""

from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from typing import Any

from msgspec import Struct

from doorward.http.request import Request
from doorward.http.response import Response

Handler = Callable[[Request], Awaitable[Response]]


class Access(Enum):
    """Who may use a route. A route states it; there is no default."""

    PUBLIC = "public"
    USER = "user"
    OPERATOR = "operator"


class Route(Struct, frozen=True, kw_only=True):
    """One method on one path.

    `path` is a template like ``/api/turns/{turn_id}/events``. `body` is the msgspec Struct a JSON body must fit
    (closed: ``forbid_unknown_fields=True``), `form` the names of the fields of an urlencoded one; without either a body
    is refused. `body_limit` in bytes. `prompt` names the body fields that are prompt text, which the filter does not
    read. `query` names the query parameters, which are closed too unless one of the names is ``*``. `turn` and
    `stream` mark what the concurrency limits count: `turn` that each request is a turn, `shares_turns` that several may
    wait for one (the handler's service counts the turns then, and the door only the requests). `headers` names request
    headers that it reads besides those of every route. `recorded` says whether its verdicts go to the ledger; `cookie`
    whether a browser session opens it. `csrf` False is for form posts and token endpoints with protection of their
    own. `summary` and `responses` (status -> msgspec type, None, or a media type) feed ``/openapi.json``; `hidden`
    keeps a route out of it.
    """

    method: str
    path: str
    handler: Handler
    access: Access
    body: Any = None
    form: tuple[str, ...] = ()
    body_limit: int = 65536
    prompt: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    turn: bool = False
    shares_turns: bool = False
    stream: bool = False
    recorded: bool = True
    cookie: bool = True
    csrf: bool = True
    any_origin: bool = False
    summary: str = ""
    responses: dict[int, Any] = {}
    hidden: bool = False


class Match(Struct, frozen=True):
    """What the table knows about a path: the route for the method if there is one, and the methods there are."""

    route: Route | None
    params: dict[str, str]
    methods: frozenset[str]
    operators_only: bool


class RouteTable:
    """Finds routes by the segments of the normalised path. Literal segments win over parameters."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes: tuple[Route, ...] = tuple(routes)
        self._literal: dict[tuple[str, ...], dict[str, Route]] = {}
        self._templates: dict[tuple[str, ...], dict[str, Route]] = {}
        for route in self.routes:
            segments = tuple(part for part in route.path.split("/") if part)
            table = self._templates if "{" in route.path else self._literal
            methods = table.setdefault(segments, {})
            if route.method in methods:
                raise ValueError(f"two routes for {route.method} {route.path}")
            methods[route.method] = route

    def find(self, method: str, segments: tuple[str, ...]) -> Match | None:
        """The match, or None when no route has this path."""
        methods = self._literal.get(segments)
        if methods is not None:
            return _match(methods, method, {})
        for template, candidates in self._templates.items():
            params = _params(template, segments)
            if params is not None:
                return _match(candidates, method, params)
        return None


def _match(methods: dict[str, Route], method: str, params: dict[str, str]) -> Match:
    operators_only = all(route.access is Access.OPERATOR for route in methods.values())
    return Match(_for_method(methods, method), params, frozenset(methods), operators_only)


def _for_method(methods: dict[str, Route], method: str) -> Route | None:
    return methods.get("GET" if method == "HEAD" and "HEAD" not in methods else method)


def _params(template: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    params: dict[str, str] = {}
    for want, got in zip(template, segments, strict=True):
        if want.startswith("{"):
            params[want[1:-1]] = got
        elif want != got:
            return None
    return params
