"""Writes plain data as YAML, in the small part of YAML that CloudFormation needs: maps, lists and scalars.

Every text is quoted as JSON, which YAML 1.2 reads as it stands: no text can turn into a number, a date or a tag.
"""

import json
import re
from collections.abc import Iterator

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
Scalar = str | int | float | bool | None
Node = Scalar | dict[str, "Node"] | list["Node"]


def to_yaml(value: dict[str, Node]) -> str:
    """The document, with two spaces per level and the keys in their order."""
    return "\n".join(_map(value, 0)) + "\n"


def _map(value: dict[str, Node], level: int) -> Iterator[str]:
    for key, item in value.items():
        yield from _entry(f"{'  ' * level}{_key(key)}:", item, level + 1)


def _list(value: list[Node], level: int) -> Iterator[str]:
    for item in value:
        if isinstance(item, dict) and item:
            first, *rest = _map(item, level + 1)
            yield f"{'  ' * level}- {first.lstrip()}"
            yield from rest
        else:
            yield from _entry(f"{'  ' * level}-", item, level + 1)


def _entry(head: str, item: Node, level: int) -> Iterator[str]:
    if isinstance(item, dict) and item:
        yield head
        yield from _map(item, level)
    elif isinstance(item, list) and item:
        yield head
        yield from _list(item, level)
    else:
        yield f"{head} {_quoted(item)}"


def _quoted(value: object) -> str:
    """JSON, with what YAML does not take as it stands (5.1: what cannot be printed) escaped."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _key(key: str) -> str:
    return key if key.replace(":", "").isalnum() and not key[0].isdigit() and not key.endswith(":") else _quoted(key)
