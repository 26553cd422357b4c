"""What is longer than an item may be (400 KB), in several. Texts and events lie in parts behind their first item.

The parts beyond the first are written before it and read with it: until the first is there, nothing leads to them, and
a second try writes the same ones again.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from doorward.stores.dynamodb.layout import Key
from doorward.stores.dynamodb.table import Table
from doorward.stores.dynamodb.values import Item
from doorward.stores.dynamodb.writes import Write, put

PART_BYTES = 300_000
_BEHIND = "#"


async def with_parts(table: Table, key: Key, item: Mapping[str, Any], data: bytes) -> Write:
    """The write of the first item, with `data` in it as far as it goes; what is left over is written here, at once."""
    for number, first in enumerate(range(PART_BYTES, len(data), PART_BYTES), 1):
        behind = Key(key.pk, f"{key.sk}{_BEHIND}{number:04d}")
        await table.put_alone(put(behind, {"data": data[first : first + PART_BYTES]}))
    return put(key, {**item, "data": data[:PART_BYTES], "size": len(data)})


def joined(items: Iterable[Item]) -> Iterator[tuple[Item, bytes]]:
    """First items with all their data, of items in the order of their keys. Parts that lead to nothing are left out,
    and so is a last one that is not all there."""
    first: Item | None = None
    data = b""
    for item in items:
        if _BEHIND not in str(item["sk"]).removeprefix("E#"):
            if first is not None and len(data) == first["size"]:
                yield first, data
            first, data = item, bytes(item["data"])
        elif first is not None and str(item["sk"]).startswith(f"{first['sk']}{_BEHIND}"):
            data += bytes(item["data"])[: max(0, first["size"] - len(data))]
    if first is not None and len(data) == first["size"]:
        yield first, data
