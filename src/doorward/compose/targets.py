"""Reads `probe.toml`: what the probe is told about a running deployment. One target at the top level, or several as
``[[targets]]``. An unknown key is an error that names the nearest known one. A secret may be ``env:NAME``."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from doorward.compose.settings import variable
from doorward.errors import ConfigurationError
from doorward.model.secret import Secret
from doorward.probe.target import Target

_BY_NAME = "env:"


def read_targets(file: Path) -> list[Target]:
    """The targets of a file. `ConfigurationError` for one that cannot be read or does not fit."""
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}.") from error
    tables = tree["targets"] if set(tree) == {"targets"} else [tree]
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError(f"targets in {file} must be tables: [[targets]].", code="invalid_setting")
    return [_target(table, file) for table in tables]


def _target(table: Mapping[str, Any], file: Path) -> Target:
    known = set(_known_keys(Target))
    for key in _keys_in(table):
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ConfigurationError(f"Unknown key {key} in {file}.{hint}", code="unknown_setting")
    try:
        return msgspec.convert(table, Target, dec_hook=_decode)
    except msgspec.ValidationError as error:
        message = str(error).replace("`$.", "`")
        raise ConfigurationError(f"{file} does not fit: {message}.", code="invalid_setting") from None


def _decode(kind: type, value: object) -> object:
    if kind is not Secret or not isinstance(value, str):
        raise ValueError("Expected a string")
    if not value.startswith(_BY_NAME):
        return Secret(value)
    found = variable(value.removeprefix(_BY_NAME))
    if found is None:
        raise ConfigurationError(f"The variable {value.removeprefix(_BY_NAME)} is not set.", code="invalid_setting")
    return Secret(found)


def _known_keys(kind: type[Struct], prefix: str = "") -> Iterator[str]:
    """Every key of a target, dotted; in lists of tables with ``[]``."""
    for name, hint in get_type_hints(kind, include_extras=False).items():
        inner, many = _struct_in(hint)
        if inner is None:
            yield prefix + name
        else:
            yield from _known_keys(inner, f"{prefix}{name}{'[]' if many else ''}.")


def _struct_in(hint: Any) -> tuple[type[Struct] | None, bool]:  # noqa: ANN401 - a type, of any shape
    if isinstance(hint, type) and issubclass(hint, Struct):
        return hint, False
    if get_origin(hint) in (tuple, UnionType, Annotated):
        structs = [item for item in get_args(hint) if isinstance(item, type) and issubclass(item, Struct)]
        return (structs[0] if structs else None), get_origin(hint) is tuple
    return None, False


def _keys_in(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _keys_in(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            for item in value:
                yield from _keys_in(item, f"{prefix}{name}[].")
        else:
            yield prefix + name
