"""The table over the wire: botocore's client in threads, bounded in time and attempts. The engine is built on it.

Every read is strongly consistent. Fails closed: what DynamoDB does not answer for is `StoreUnavailable` (with
``store_throttled`` when it takes no more for the moment), and whether a write was kept is not known then, as with any
store over a network.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import structlog
from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError

from doorward.errors import DoorwardError, StoreUnavailable
from doorward.stores.dynamodb.layout import RECENT, Key
from doorward.stores.dynamodb.values import Item, read, written
from doorward.stores.dynamodb.writes import Write, conditional

log = structlog.get_logger()

THREADS = 16
ATTEMPTS = 10
FIRST_PAUSE = 0.01  # seconds; doubled each time, with jitter
LONGEST_PAUSE = 0.5
MOST_IN_A_BATCH = 25
MOST_READ_AT_ONCE = 100
_THROTTLED = frozenset(
    ("ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "ThrottledException")
)
# Why a write did not go through, though its condition may hold: somebody else's was at the same item at that moment.
_IN_THE_WAY = frozenset(("TransactionConflict", "TransactionConflictException", "TransactionInProgressException"))
# The same words as within a transaction.
_THROTTLED_WITHIN = frozenset(("ThrottlingError", "ProvisionedThroughputExceeded"))


class ConditionFailed(Exception):
    """A condition did not hold, and nothing was written. `failed` are the places of the writes whose conditions."""

    def __init__(self, failed: Iterable[int]) -> None:
        super().__init__()
        self.failed = frozenset(failed)


class Range:
    """Sort keys of a query: from `first` to `last`, both included, or all that begin with `prefix`."""

    def __init__(self, first: str = "", last: str = "", *, prefix: str = "", index: bool = False) -> None:
        self._first = first
        self._last = last
        self._prefix = prefix
        self._index = index

    def of(self, partition: str) -> Item:
        """The query's parameters."""
        sort = f"#{RECENT}" if self._index else "#sk"
        if self._prefix:
            narrowed, values = f" AND begins_with({sort}, :prefix)", {"prefix": self._prefix}
        elif self._last and not self._first:
            narrowed, values = f" AND {sort} <= :last", {"last": self._last}
        elif self._first and not self._last:
            narrowed, values = f" AND {sort} >= :first", {"first": self._first}
        elif self._first:
            narrowed, values = f" AND {sort} BETWEEN :first AND :last", {"first": self._first, "last": self._last}
        else:
            narrowed, values = "", {}
        said = conditional(f"#pk = :pk{narrowed}", {"pk": partition, **values})
        said["KeyConditionExpression"] = said.pop("ConditionExpression")
        return {**said, "IndexName": RECENT} if self._index else said


EVERYTHING = Range()


class Table:
    """One table. Make it anywhere; `close` once."""

    def __init__(self, client: BaseClient, name: str) -> None:
        self._client = client
        self._name = name
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="dynamodb")
        self._closed = False
        self._last_stamp = 0

    def close(self) -> None:
        """Wait for what is under way, and refuse all that comes later."""
        self._closed = True
        self._threads.shutdown()
        self._client.close()

    def stamp(self) -> int:
        """A number that grows: nanoseconds since 1970, each given once in this process."""
        self._last_stamp = max(self._last_stamp + 1, time.time_ns())
        return self._last_stamp

    async def get(self, key: Key) -> Item | None:
        """One item."""
        found = await self._call("get_item", Key=written(key._asdict()), ConsistentRead=True)
        return read(found["Item"]) if "Item" in found else None

    async def get_all(self, keys: Sequence[Key]) -> list[Item]:
        """The items of these keys that are there, in no order."""
        items: list[Item] = []
        for first in range(0, len(keys), MOST_READ_AT_ONCE):
            asked = [written(key._asdict()) for key in keys[first : first + MOST_READ_AT_ONCE]]
            for attempt in range(ATTEMPTS):
                wanted = {self._name: {"Keys": asked, "ConsistentRead": True}}
                answer = await self._call("batch_get_item", table=False, RequestItems=wanted)
                items += [read(item) for item in answer["Responses"].get(self._name, ())]
                asked = answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
                if not asked:
                    break
                await _pause(attempt)
            else:
                raise _throttled()
        return items

    async def query(
        self, partition: str, within: Range = EVERYTHING, *, limit: int | None = None, newest: bool = False
    ) -> list[Item]:
        """The items of a partition by their sort keys, at most `limit`."""
        items: list[Item] = []
        async for page in self.pages(partition, within, limit=limit, newest=newest):
            items += page
            if limit is not None and len(items) >= limit:
                return items[:limit]
        return items

    async def pages(
        self,
        partition: str,
        within: Range = EVERYTHING,
        *,
        limit: int | None = None,
        newest: bool = False,
        having: tuple[str, Mapping[str, Any]] | None = None,
    ) -> AsyncIterator[list[Item]]:
        """The same in DynamoDB's own pages (1 MB at most); `having` filters what was read."""
        asked = within.of(partition) | {"ConsistentRead": True, "ScanIndexForward": not newest}
        if limit is not None:
            asked["Limit"] = limit
        if having is not None:
            asked = _filtered(asked, *having)
        while True:
            answer = await self._call("query", **asked)
            yield [read(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    async def write(self, *writes: Write) -> None:
        """All of them or none, durably. Raises `ConditionFailed`."""
        await self._call("transact_write_items", table=False, TransactItems=self._placed(writes))

    async def delete_all(self, keys: Iterable[Key]) -> None:
        """Delete them, in no order and not as a whole; the ones that were taken stay deleted when it fails."""
        left = [{"DeleteRequest": {"Key": written(key._asdict())}} for key in keys]
        attempt = 0
        while left:
            batch, left = left[:MOST_IN_A_BATCH], left[MOST_IN_A_BATCH:]
            answer = await self._call("batch_write_item", table=False, RequestItems={self._name: batch})
            again = answer.get("UnprocessedItems", {}).get(self._name, [])
            left += again
            attempt = attempt + 1 if again else 0
            if attempt == ATTEMPTS:
                raise _throttled()
            if again:
                await _pause(attempt)

    async def put_alone(self, write: Write) -> bool:
        """One put by itself. False when its condition did not hold."""
        try:
            await self._call("put_item", **write["Put"])
        except ConditionFailed:
            return False
        return True

    async def update_alone(self, write: Write) -> Item:
        """One update by itself, with the attributes as they are then. Raises `ConditionFailed`."""
        answer = await self._call("update_item", **write["Update"], ReturnValues="ALL_NEW")
        return read(answer["Attributes"])

    def _placed(self, writes: Sequence[Write]) -> list[Write]:
        return [{kind: {"TableName": self._name, **said}} for write in writes for kind, said in write.items()]

    async def _call(self, operation: str, *, table: bool = True, **parameters: object) -> Item:
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        named = {"TableName": self._name, **parameters} if table else parameters
        send: Callable[[], Item] = partial(_sent, getattr(self._client, operation), named)
        passing = _Passing(contended())
        for attempt in range(ATTEMPTS):
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, send)
            except _Passing as error:
                passing = error
            await _pause(attempt)
        raise passing.at_last


class _Passing(Exception):
    """Nothing was written, and the same may be taken in a moment. `at_last` says why it was not, when it never is."""

    def __init__(self, at_last: DoorwardError) -> None:
        super().__init__()
        self.at_last = at_last


def _sent(send: Callable[..., Item], parameters: Mapping[str, Any]) -> Item:
    try:
        return send(**parameters)
    except ClientError as error:
        raise _meaning(error) from None
    except BotoCoreError as error:
        log.warning("store_unreachable", reason=type(error).__name__)
        raise StoreUnavailable("The store does not answer.") from None


def _meaning(error: ClientError) -> Exception:
    """INVARIANT: nothing of the request's values is in what is raised or logged."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code == "ConditionalCheckFailedException":
        return ConditionFailed([0])
    if code == "TransactionCanceledException":
        reasons = [str(reason.get("Code", "None")) for reason in error.response.get("CancellationReasons", ())]
        failed = [place for place, reason in enumerate(reasons) if reason == "ConditionalCheckFailed"]
        if failed:
            return ConditionFailed(failed)
        if _THROTTLED_WITHIN.intersection(reasons):
            return _Passing(_throttled())
        if _IN_THE_WAY.intersection(reasons):
            return _Passing(contended())
        code = ",".join(reason for reason in reasons if reason != "None")
    if code in _IN_THE_WAY:
        return _Passing(contended())
    log.warning("store_refused", reason=code)
    return _throttled() if code in _THROTTLED else StoreUnavailable("The store could not do what it was asked.")


def _throttled() -> DoorwardError:
    return StoreUnavailable("The store takes no more for the moment.", code="store_throttled")


def contended() -> StoreUnavailable:
    """Others were faster each time."""
    return StoreUnavailable("Too many write to the same place at once; nothing was kept.", code="store_contended")


def _filtered(asked: Item, expression: str, values: Mapping[str, Any]) -> Item:
    more = conditional(expression, values)
    asked["FilterExpression"] = more["ConditionExpression"]
    asked["ExpressionAttributeNames"] |= more["ExpressionAttributeNames"]
    asked["ExpressionAttributeValues"] |= more["ExpressionAttributeValues"]
    return asked


async def _pause(attempt: int) -> None:
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)
    await asyncio.sleep(random.uniform(longest / 2, longest))  # noqa: S311  # jitter, no secret
