"""The only reader of the configuration file and the environment.

Order, the later wins: defaults, `doorward.toml`, `DOORWARD_...` variables, options of the command line. An unknown key
is an error that names the nearest known one. Every value knows where it came from.
"""

import difflib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from doorward.errors import ConfigurationError
from doorward.model.secret import Secret
from doorward.model.settings import Settings

PREFIX = "DOORWARD_"
FILE_NAME = "doorward.toml"
_LISTS_OF_TABLES = ("clients", "workloads", "memories")


class Loaded(Struct, frozen=True):
    """The settings, and where each value that is not a default came from (``{"gateway.port": "command line"}``)."""

    settings: Settings
    sources: dict[str, str]


def load(
    *, file: Path | None = None, environ: Mapping[str, str] | None = None, options: Mapping[str, Any] | None = None
) -> Loaded:
    """Read the settings. `options` maps dotted keys to values; None means not given.

    Raises `ConfigurationError` for an unreadable file, an unknown key or a value that does not fit.
    """
    environ = os.environ if environ is None else environ
    sources: dict[str, str] = {}
    tree = _read_file(file, sources)
    for name, value in sorted(environ.items()):
        if name.startswith(PREFIX):
            key = _key_of_variable(name)
            _put(tree, key, _from_text(key, value, name))
            sources[key] = name
    for key, value in (options or {}).items():
        if value is not None:
            _put(tree, key, value)
            sources[key] = "command line"
    return Loaded(_convert(tree), sources)


def known_keys(kind: type[Struct] = Settings, prefix: str = "") -> Iterator[tuple[str, msgspec.inspect.Field]]:
    """Every key with its field, dotted (``gateway.port``); in lists of tables with ``[]`` (``clients[].secret``)."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)  # noqa: S101 - Section is a Struct
    for item in info.fields:
        inner, many = _section_of(item.type)
        if inner is None:
            yield prefix + item.name, item
        else:
            yield from known_keys(inner, f"{prefix}{item.name}{'[]' if many else ''}.")


def variable_of(key: str) -> str:
    """The environment variable of a key: ``gateway.port`` -> ``DOORWARD_GATEWAY_PORT``."""
    return PREFIX + key.replace(".", "_").upper()


def _section_of(kind: msgspec.inspect.Type) -> tuple[type[Struct] | None, bool]:
    if isinstance(kind, msgspec.inspect.Metadata):
        kind = kind.type
    if isinstance(kind, msgspec.inspect.StructType):
        return kind.cls, False
    if isinstance(kind, msgspec.inspect.VarTupleType):
        inner, _ = _section_of(kind.item_type)
        return inner, True
    return None, False


def _read_file(file: Path | None, sources: dict[str, str]) -> dict[str, Any]:
    path = file or Path(FILE_NAME)
    if file is None and not path.exists():
        return {}
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}.") from error
    known = [key for key, _ in known_keys()]
    for key in _keys_in(tree):
        if key not in known:
            raise _unknown(key, known, str(path))
        sources[key] = str(path)
    return tree


def _keys_in(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _keys_in(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            for item in value:
                yield from _keys_in(item, f"{prefix}{name}[].")
        elif name not in _LISTS_OF_TABLES or value:
            yield prefix + name


def _key_of_variable(name: str) -> str:
    variables = {variable_of(key): key for key, _ in known_keys() if "[]" not in key}
    if name not in variables:
        raise _unknown(name, list(variables), "the environment")
    return variables[name]


def _unknown(key: str, known: list[str], where: str) -> ConfigurationError:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    return ConfigurationError(f"Unknown key {key} in {where}.{hint}", code="unknown_setting")


def _from_text(key: str, text: str, name: str) -> object:
    """A variable's text as the type of its key: lists are separated by commas."""
    kind = dict(known_keys())[key].type
    while isinstance(kind, msgspec.inspect.Metadata):
        kind = kind.type
    if isinstance(kind, msgspec.inspect.VarTupleType):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(kind, msgspec.inspect.BoolType):
        if text.lower() not in ("true", "false", "1", "0"):
            raise ConfigurationError(f"{name} must be true or false.", code="invalid_setting")
        return text.lower() in ("true", "1")
    if isinstance(kind, msgspec.inspect.IntType | msgspec.inspect.FloatType):
        try:
            return int(text) if isinstance(kind, msgspec.inspect.IntType) else float(text)
        except ValueError:
            raise ConfigurationError(f"{name} must be a number.", code="invalid_setting") from None
    return text


def _put(tree: dict[str, Any], key: str, value: object) -> None:
    *path, last = key.split(".")
    for name in path:
        tree = tree.setdefault(name, {})
    tree[last] = value


def _convert(tree: dict[str, Any]) -> Settings:
    try:
        return msgspec.convert(tree, Settings, dec_hook=decode_secret)
    except msgspec.ValidationError as error:
        message = str(error).replace("`$.", "`")
        raise ConfigurationError(f"The configuration does not fit: {message}.", code="invalid_setting") from None


def decode_secret(kind: type, value: object) -> object:
    """For msgspec: how a `Secret` is read."""
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError("Expected a string")


def encode_secret(value: object) -> object:
    """For msgspec: how a `Secret` is written where settings are handed to a child process, and nowhere else."""
    if isinstance(value, Secret):
        return value.reveal()
    raise NotImplementedError(type(value).__name__)


def environment_of(names: Iterable[str]) -> dict[str, str]:
    """The variables that the agent's process is given by name; the rest of the environment stays here."""
    allowed = {*names, "PATH", "LANG", "LC_ALL", "TZ"}
    return {name: value for name, value in os.environ.items() if name in allowed}


def environment_without_settings() -> dict[str, str]:
    """The environment for a house that a command starts for itself: without the settings of another one."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def variable(name: str) -> str | None:
    """A variable that a file refers to by name (``env:NAME``)."""
    return os.environ.get(name)
