"""Writes as DynamoDB takes them, alone or in a transaction. Pure: made here, sent by `table`.

In expressions ``#name`` is an attribute and ``:name`` a value; the names are spelt out for DynamoDB, which reserves
many.
"""

import re
from collections.abc import Mapping
from typing import Any

from doorward.stores.dynamodb.layout import Key
from doorward.stores.dynamodb.values import Item, written

_NAME = re.compile(r"#(\w+)")
NEW = "attribute_not_exists(#pk)"
Write = dict[str, dict[str, Any]]


def put(key: Key, item: Mapping[str, Any], condition: str = "", **values: object) -> Write:
    """Put an item in the place of any other of its key."""
    return {"Put": {"Item": written({"pk": key.pk, "sk": key.sk, **item}), **conditional(condition, values)}}


def update(key: Key, change: str, condition: str = "", **values: object) -> Write:
    """Change attributes: ``SET #a = :a ADD #b :b REMOVE #c``."""
    expression = {"UpdateExpression": change, **conditional(condition, values, change)}
    return {"Update": {"Key": written(key._asdict()), **expression}}


def delete(key: Key, condition: str = "", **values: object) -> Write:
    """Delete an item."""
    return {"Delete": {"Key": written(key._asdict()), **conditional(condition, values)}}


def check(key: Key, condition: str, **values: object) -> Write:
    """Write nothing, but hold the transaction to a condition."""
    return {"ConditionCheck": {"Key": written(key._asdict()), **conditional(condition, values)}}


def conditional(condition: str, values: Mapping[str, object], *others: str) -> Item:
    """A condition with the names and values that it and `others` use."""
    names = {f"#{name}": name for text in (condition, *others) for name in _NAME.findall(text)}
    said: Item = {"ConditionExpression": condition} if condition else {}
    if names:
        said["ExpressionAttributeNames"] = names
    if values:
        said["ExpressionAttributeValues"] = written({f":{name}": value for name, value in values.items()})
    return said
