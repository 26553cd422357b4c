"""The configuration in force, with where each value comes from. Secrets are stars, also those within a URL."""

import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from doorward.compose.settings import PREFIX, Loaded, known_keys
from doorward.model.console import SettingInForce
from doorward.model.secret import Secret

_Source = Literal["default", "file", "environment", "command line", "start"]
_STARS = "**********"
_USER_INFO = re.compile(r"(://)[^/@\s\"]*@")


def in_force(loaded: Loaded) -> list[SettingInForce]:
    """Every setting, in the order of the reference; of a list of tables each table's, numbered from 0."""
    return list(_all(loaded))


def _all(loaded: Loaded) -> Iterator[SettingInForce]:
    for key, item in known_keys():
        for name, value in _values(loaded.settings, key):
            source, origin = _source(loaded, key, value, item)
            description = item.type.extra_json_schema or {} if isinstance(item.type, msgspec.inspect.Metadata) else {}
            yield SettingInForce(
                key=name,
                value=shown(value),
                source=source,
                origin=origin,
                description=str(description.get("description", "")),
            )


def _values(settings: Any, key: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - settings have any type
    table, many, field = key.partition("[].")
    if many:
        for number, item in enumerate(getattr(settings, table)):
            yield f"{table}[{number}].{field}", getattr(item, field)
        return
    for name in key.split("."):
        settings = getattr(settings, name)
    yield key, settings


def _source(loaded: Loaded, key: str, value: object, item: msgspec.inspect.Field) -> tuple[_Source, str]:
    origin = loaded.sources.get(key)
    if origin == "command line":
        return "command line", ""
    if origin is not None:
        return ("environment" if origin.startswith(PREFIX) else "file"), origin
    # What was left open and is known since the start: a port, a URL.
    return ("default" if value == item.default or "[]" in key else "start"), ""


def shown(value: object) -> str:
    """A value as JSON text, without what must not be seen."""
    return _USER_INFO.sub(rf"\1{_STARS}@", msgspec.json.encode(value, enc_hook=_stars).decode())


def _stars(value: object) -> object:
    if isinstance(value, Secret):
        return _STARS
    raise NotImplementedError(type(value).__name__)
