"""Python's values as DynamoDB writes them, and back. Pure.

Whole numbers and fractions are both numbers there, so a time that is whole comes back as an `int`: readers say what
they expect.
"""

from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]


def written(item: Mapping[str, Any]) -> Item:
    """Attributes as DynamoDB takes them. What is None is left out."""
    return {name: _one(value) for name, value in item.items() if value is not None}


def read(item: Mapping[str, Any]) -> Item:
    """Attributes as they were given."""
    return {name: _back(value) for name, value in item.items()}


def _one(value: object) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value)}
        case bytes():
            return {"B": value}
        case list():
            return {"L": [_one(each) for each in value]}
        case _:
            return {"S": str(value)}


def _back(value: Mapping[str, Any]) -> object:
    ((kind, held),) = value.items()
    if kind == "N":
        return float(held) if set(held) & set(".eE") else int(held)
    if kind == "L":
        return [_back(each) for each in held]
    return held
