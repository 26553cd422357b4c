"""What is longer than an item may be (400 KB), in several. Texts and events lie in parts behind their first item.

The parts beyond the first are written before the transaction with the first item: until that one is there, nothing
leads to them. Each text has a mark of its own that its parts bear, so that of two who write to one place at once
neither reads the other's, and a transaction that is refused takes its parts back.
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import structlog

from doorward.errors import StoreUnavailable
from doorward.stores.dynamodb.layout import Key
from doorward.stores.dynamodb.table import Table
from doorward.stores.dynamodb.values import Item
from doorward.stores.dynamodb.writes import Write, put

log = structlog.get_logger()

PART_BYTES = 300_000
_BEHIND = "#"


class Parts:
    """The parts of one transaction."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._behind: list[Key] = []

    async def put(self, key: Key, item: Mapping[str, Any], data: bytes) -> Write:
        """The write of the first item, with `data` in it as far as it goes; what is left over is written here, at
        once."""
        whole = {**item, "data": data[:PART_BYTES], "size": len(data)}
        if len(data) <= PART_BYTES:
            return put(key, whole)
        mark = secrets.token_hex(8)
        for number, first in enumerate(range(PART_BYTES, len(data), PART_BYTES), 1):
            behind = Key(key.pk, f"{key.sk}{_BEHIND}{mark}{_BEHIND}{number:04d}")
            self._behind.append(behind)
            await self._table.put_alone(put(behind, {"data": data[first : first + PART_BYTES]}))
        return put(key, {**whole, "mark": mark})

    async def take_back(self) -> None:
        """The transaction was refused. What cannot be taken back now has no effect, and goes with its conversation."""
        if not self._behind:
            return
        try:
            await self._table.delete_all(self._behind)
        except StoreUnavailable as error:
            log.warning("parts_left_behind", code=error.code)


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
        elif first is not None and str(item["sk"]).startswith(f"{first['sk']}{_BEHIND}{first.get('mark')}{_BEHIND}"):
            data += bytes(item["data"])
    if first is not None and len(data) == first["size"]:
        yield first, data
