"""Reads the body, once, and makes it fit the closed schema of its route; a body where none belongs is refused."""

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from doorward.errors import InvalidInput
from doorward.front_door import strict_json
from doorward.front_door.check import Answer, Tools
from doorward.front_door.known_bad_inputs import bad_field, refusal
from doorward.front_door.visit import Visit
from doorward.http.request import BodyTooLarge
from doorward.http.routes import Route
from doorward.model.verdicts import Deny

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


class Body:
    """Exact media types, UTF-8 only, nothing compressed, a limit, a deadline; then `strict_json` or a closed form."""

    def __init__(self, tools: Tools) -> None:
        self._settings = tools.settings
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {
            route.body: msgspec.json.Decoder(route.body) for route in tools.table.routes if route.body is not None
        }

    async def check(self, visit: Visit) -> Answer:
        route = visit.route
        if visit.preflight or route is None:
            return None
        if route.body is None and not route.form:
            return _nothing_sent(visit)
        refused = _media(visit, _FORM if route.body is None else _JSON)
        if refused is not None:
            return refused
        try:
            await self._read(visit, route)
        except InvalidInput as error:
            return Deny(code=error.code, detail=error.message, status=error.status)
        if self._settings.filter:
            rule = bad_field(visit.form if route.body is None else visit.body, route.prompt)
            if rule:
                return refusal(rule)
        return None

    async def _read(self, visit: Visit, route: Route) -> None:
        limit = min(route.body_limit, self._settings.max_body_bytes)
        if int(visit.headers.get("content-length", "0")) > limit:
            raise BodyTooLarge(f"The body is larger than {limit} bytes.")
        raw = await visit.read_body(limit=limit, timeout=self._settings.body_timeout)
        if route.body is None:
            visit.form = read_form(raw, route.form)
        else:
            visit.body = strict_json.read(raw, self._decoders[route.body])


def read_form(raw: bytes, names: tuple[str, ...]) -> dict[str, str]:
    """A closed urlencoded form in UTF-8, each field once."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), max_num_fields=50, errors="strict"
        )
    except ValueError:
        raise InvalidInput("The form cannot be read.", code="invalid_form") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise InvalidInput("A field of the form is given twice.", code="invalid_form")
    if form.keys() - set(names):
        raise InvalidInput("The form has an unknown field.", code="invalid_form")
    return form


def _nothing_sent(visit: Visit) -> Answer:
    if visit.headers.get("content-length", "0") != "0" or "transfer-encoding" in visit.headers:
        return Deny(code="body_not_expected", detail="This takes no body.", status=400)
    return None


def _media(visit: Visit, wanted: str) -> Answer:
    """RFC 9110 8.3: type and subtype in any case; the only parameter taken is charset, and only UTF-8."""
    media, _, parameter = visit.headers.get("content-type", "").partition(";")
    charset = parameter.strip().lower().replace('"', "")
    if media.strip().lower() != wanted or charset not in ("", "charset=utf-8"):
        return Deny(code="media_type", detail=f"The body must be {wanted} in UTF-8.", status=415)
    if visit.headers.get("content-encoding", "identity") != "identity":
        return Deny(code="content_encoding", detail="The body must not be compressed.", status=415)
    return None
