"""Texts as events of AgentCore Memory, over the wire: botocore's client in threads, bounded in time and attempts.

The owner is the actor, the conversation the session. Fails closed: what the memory does not answer for is
`StoreUnavailable` (``store_throttled`` when it takes no more for the moment), and never an empty text.
"""

import asyncio
import datetime as dt
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import structlog
from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from doorward.errors import StoreUnavailable

log = structlog.get_logger()

THREADS = 16
MOST_LISTED = 100
# From here on the whole session is listed instead of asking for each event.
_FEW = 16
_ITEM_CHARACTERS = 100_000
_NOT_FOUND = "ResourceNotFoundException"
_THROTTLED = frozenset(("ThrottledException", "ThrottlingException", "ServiceQuotaExceededException"))


class Place(Struct, frozen=True):
    """Whose conversation it is, and which."""

    owner: str
    session_id: str


class Said(Struct, frozen=True, kw_only=True):
    """A text that is to be kept. `role` is ``USER`` or ``ASSISTANT``, `at` in seconds since 1970."""

    text: str
    role: str
    at: float
    message_id: str
    turn_id: str


class Texts:
    """One memory. Make it anywhere; `close` once."""

    def __init__(self, client: BaseClient, memory: str) -> None:
        self._client = client
        self._memory = memory
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="agentcore")
        self._closed = False

    def close(self) -> None:
        """Wait for what is under way, and refuse all that comes later."""
        self._closed = True
        self._threads.shutdown()
        self._client.close()

    async def keep(self, place: Place, said: Said) -> str:
        """Keep a text; the id under which it is found. Each call keeps one of its own."""
        pieces = [said.text[first : first + _ITEM_CHARACTERS] for first in range(0, len(said.text), _ITEM_CHARACTERS)]
        answer = await self._call(
            "create_event",
            **self._where(place),
            eventTimestamp=dt.datetime.fromtimestamp(said.at, dt.UTC),
            payload=[{"conversational": {"role": said.role, "content": {"text": piece}}} for piece in pieces],
            metadata={"messageId": {"stringValue": said.message_id}, "turnId": {"stringValue": said.turn_id}},
        )
        return str(answer["event"]["eventId"])

    async def read(self, place: Place, ids: Iterable[str]) -> dict[str, str]:
        """The texts of these ids that are there: an event that has expired, or was deleted, is left out."""
        wanted = set(ids)
        if len(wanted) > _FEW:
            return await self._listed(place, wanted)
        events = await asyncio.gather(*(self._get(place, event_id) for event_id in wanted))
        return {event["eventId"]: _text(event) for event in events if event is not None}

    async def drop(self, place: Place, event_id: str) -> None:
        """Delete one. Nothing happens when it is not there."""
        try:
            await self._call("delete_event", **self._where(place), eventId=event_id)
        except _NotThere:
            return

    async def erase(self, place: Place) -> None:
        """Delete everything of a conversation, also what an agent keeps under the same names."""
        while True:
            page = await self._call("list_events", **self._where(place), includePayloads=False, maxResults=MOST_LISTED)
            if not page["events"]:
                return
            await asyncio.gather(*(self.drop(place, event["eventId"]) for event in page["events"]))

    def _where(self, place: Place) -> dict[str, Any]:
        return {"memoryId": self._memory, "actorId": place.owner, "sessionId": place.session_id}

    async def _get(self, place: Place, event_id: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = (await self._call("get_event", **self._where(place), eventId=event_id))["event"]
        except _NotThere:
            return None
        return found

    async def _listed(self, place: Place, wanted: set[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        asked = self._where(place) | {"maxResults": MOST_LISTED}
        while True:
            page = await self._call("list_events", **asked)
            found |= {event["eventId"]: _text(event) for event in page["events"] if event["eventId"] in wanted}
            if "nextToken" not in page or len(found) == len(wanted):
                return found
            asked["nextToken"] = page["nextToken"]

    async def _call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:  # noqa: ANN401 - the API's own
        if self._closed:
            raise StoreUnavailable("The memory is closed.")
        call = partial(getattr(self._client, operation), **parameters)
        try:
            answer: Mapping[str, Any] = await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except ClientError as error:
            raise _meaning(error) from None
        except BotoCoreError as error:
            log.warning("memory_unreachable", reason=type(error).__name__)
            raise StoreUnavailable("The memory does not answer.") from None
        return answer


class _NotThere(StoreUnavailable):
    """There is no such event; where none was asked for, no such memory."""


def _meaning(error: ClientError) -> Exception:
    """INVARIANT: nothing of the request's values is in what is raised or logged."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code == _NOT_FOUND:
        return _NotThere("The memory is not there.")
    log.warning("memory_refused", reason=code)
    if code in _THROTTLED:
        return StoreUnavailable("The memory takes no more for the moment.", code="store_throttled")
    return StoreUnavailable("The memory could not do what it was asked.")


def _text(event: Mapping[str, Any]) -> str:
    items = [item["conversational"] for item in event["payload"] if "conversational" in item]
    return "".join(item["content"]["text"] for item in items)
