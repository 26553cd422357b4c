"""The OpenAPI 3.1 document of a list of routes, made once at start-up. Served at ``/openapi.json``.

Bodies and answers come from the msgspec structs that the handlers use, so the document cannot drift from the code.
Which problems a route can answer with follows from what the door does to every request, plus what the route states.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from doorward.front_door.api.parameters import HEADERS, SCHEMAS
from doorward.front_door.api.shapes import SESSION_ID_PATTERN
from doorward.http.request import Request
from doorward.http.response import Problem, Response, json_response
from doorward.http.routes import Access, Route

JsonObject = dict[str, Any]
_PARAMETER = re.compile(r"\{(\w+)\}")
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_TOO_MANY_HEADERS = {
    "Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds to wait."},
}
# Session ids in a path are looked up, not validated: whatever is not there is 404, so that no answer tells more.
_PATH_SCHEMAS: dict[str, JsonObject] = {
    "session_id": {"type": "string", "minLength": 33, "maxLength": 100, "pattern": SESSION_ID_PATTERN},
    "turn_id": {"type": "string", "minLength": 1, "maxLength": 100},
}
# What the door itself can answer to any request: input it cannot read, filter and origin, declared sizes, limits, and
# its own failures.
_ALWAYS = (400, 403, 413, 414, 429, 431, 500, 503)
_WITH_BODY = (408, 415)


class Document(Struct, frozen=True, kw_only=True):
    """What the document says besides the routes: `server` is the URL users see, `cookie` the session cookie's name."""

    title: str
    version: str
    server: str
    cookie: str


def openapi_routes(routes: Sequence[Route], document: Document) -> list[Route]:
    """``GET /openapi.json`` for all of `routes` that are not hidden, and for itself."""
    body: JsonObject = {}

    async def serve(_: Request) -> Response:
        return json_response(body)

    own = Route(
        method="GET",
        path="/openapi.json",
        handler=serve,
        access=Access.PUBLIC,
        recorded=False,
        cookie=False,
        summary="This document.",
        responses={200: dict[str, Any]},
    )
    body.update(build([*routes, own], document))
    return [own]


def build(routes: Iterable[Route], document: Document) -> JsonObject:
    """The document as plain JSON data."""
    shown = [route for route in routes if not route.hidden]
    paths: JsonObject = {}
    schemas = _Schemas(shown)
    for route in shown:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": document.title, "version": document.version},
        "servers": [{"url": document.server}],
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": _security_schemes(document.cookie)},
    }


class _Schemas:
    """Schemas of all types that the routes name, by type."""

    def __init__(self, routes: Iterable[Route]) -> None:
        types: list[Any] = [Problem]
        for route in routes:
            candidates = [route.body, *(kind for answer in route.responses.values() for kind in _kinds(answer))]
            types += [kind for kind in candidates if not isinstance(kind, str | None) and kind not in types]
        found, self.components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
        self._found = list(zip(types, found, strict=True))

    def of(self, kind: object) -> JsonObject:
        """The schema (mostly a reference) of one of the types."""
        return next(schema for known, schema in self._found if known == kind)


def _kinds(answer: object) -> tuple[object, ...]:
    return answer if isinstance(answer, tuple) else (answer,)


def _operation(route: Route, schemas: _Schemas) -> JsonObject:
    operation: JsonObject = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [_tag(route.path)],
        "security": _security(route),
        "responses": _responses(route, schemas),
    }
    parameters = _parameters(route)
    if parameters:
        operation["parameters"] = parameters
    body = _request_body(route, schemas)
    if body:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _operation_id(route: Route) -> str:
    words = [word for word in re.split(r"\W+", route.path) if word and word != "api"]
    return "_".join([route.method.lower(), *words]).replace("-", "_")


def _tag(path: str) -> str:
    words = [word for word in path.split("/") if word and word != "api"]
    return words[0] if words else "page"


def _parameters(route: Route) -> list[JsonObject]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": _PATH_SCHEMAS.get(name, {"type": "string"})}
        for name in _PARAMETER.findall(route.path)
    ]
    in_query = [
        {"name": name, "in": "query", "required": False, "schema": SCHEMAS.get(name, {"type": "string"})}
        for name in route.query
    ]
    in_header: list[JsonObject] = [
        {"name": name, "in": "header", "required": False, "schema": HEADERS[name]} for name in route.headers
    ]
    if "after" in route.query and route.stream:
        in_header.append(
            {"name": "Last-Event-ID", "in": "header", "required": False, "schema": SCHEMAS["after"]},
        )
    return [*in_path, *in_query, *in_header]


def _request_body(route: Route, schemas: _Schemas) -> JsonObject:
    if route.body is not None:
        return {"application/json": {"schema": schemas.of(route.body)}}
    if route.form:
        properties = {name: {"type": "string"} for name in route.form}
        schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return {"application/x-www-form-urlencoded": {"schema": schema}}
    return {}


def _responses(route: Route, schemas: _Schemas) -> JsonObject:
    answers = {status: _response(status, answer, schemas) for status, answer in route.responses.items()}
    for status in _problems(route):
        answers.setdefault(status, _response(status, Problem, schemas))
    return {str(status): answers[status] for status in sorted(answers)}


def _problems(route: Route) -> list[int]:
    found = [*_ALWAYS]
    if route.body is not None or route.form:
        found += _WITH_BODY
    if route.access is Access.USER:
        found.append(401)
    if route.access is Access.OPERATOR:
        found.append(404)
    return found


def _response(status: int, answer: object, schemas: _Schemas) -> JsonObject:
    response: JsonObject = {"description": HTTPStatus(status).phrase}
    if answer is None:
        return response
    content: JsonObject = {}
    for kind in _kinds(answer):
        content.update(_content(kind, schemas))
    response["content"] = content
    if status == 429:
        response["headers"] = _TOO_MANY_HEADERS
    return response


def _content(kind: object, schemas: _Schemas) -> Mapping[str, Any]:
    if kind is Problem:
        return _PROBLEM
    if isinstance(kind, str):
        return {kind: {"schema": {"type": "string"} if kind.startswith("text/markdown") else {}}}
    return {"application/json": {"schema": schemas.of(kind)}}


def _security(route: Route) -> list[JsonObject]:
    if route.access is Access.PUBLIC:
        return []
    ways: list[JsonObject] = [{"bearer": []}]
    if route.cookie:
        safe = route.method in ("GET", "HEAD") or not route.csrf
        ways.append({"session": []} if safe else {"session": [], "csrf": []})
    return ways


def _security_schemes(cookie: str) -> JsonObject:
    return {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "session": {"type": "apiKey", "in": "cookie", "name": cookie},
        "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
    }
