"""Texts as events of AgentCore Memory, over the wire: botocore's client in threads, bounded in time and attempts.

The owner is the actor, the conversation the session. Fails closed: what the memory does not answer for is
`StoreUnavailable` (``store_throttled`` when it takes no more for the moment), and never an empty text.
"""

import asyncio
import contextlib
import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from doorward.errors import StoreUnavailable, TextRefused
from doorward.stores.together import all_of

log = structlog.get_logger()

THREADS = 16
MOST_LISTED = 100
# From here on the whole session is listed instead of asking for each event.
_FEW = 16
# An item holds 100,000 characters and an event 100 items and 10 MiB, of which the rest of the request is left room.
_ITEM_CHARACTERS = 100_000
_ITEM_BYTES = 100
_ITEMS = 100
_EVENT_BYTES = 9_000_000
# Between the ids of a text that needs several events; in no id of an event.
_AND = ","
# So many pages are erased at one time, and so many events at once.
_PAGES = 200
_PAGES_OF_SESSIONS = 2000
_ERASED_AT_ONCE = 4
_NOT_FOUND = "ResourceNotFoundException"
_NEVER = frozenset(("ValidationException", "InvalidInputException"))
_THROTTLED = frozenset(("ThrottledException", "ThrottlingException"))


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

    async def keep(self, place: Place, said: Said, *, once: bool = False) -> str:
        """Keep a text; the id under which it is found, of several events when it is too long for one. Each call keeps
        one of its own; with `once` an equal one is kept once however often it is told, unless it was dropped.

        Raises `TextRefused` when the memory takes no such text at all.
        """
        ids: list[str] = []
        try:
            for number, pieces in enumerate(_events(said.text)):
                token = {"clientToken": _token(place, said, number)} if once else {}
                answer = await self._call(
                    "create_event",
                    **self._where(place),
                    eventTimestamp=dt.datetime.fromtimestamp(said.at, dt.UTC),
                    payload=[{"conversational": {"role": said.role, "content": {"text": one}}} for one in pieces],
                    metadata={"messageId": {"stringValue": said.message_id}, "turnId": {"stringValue": said.turn_id}},
                    **token,
                )
                ids.append(str(_field(_field(answer, "event"), "eventId")))
        except TextRefused:
            await self.drop(place, _AND.join(ids))
            raise
        return _AND.join(ids)

    async def read(self, place: Place, ids: Iterable[str]) -> dict[str, str]:
        """The texts of these ids that are there: one whose event has expired, or was deleted, is left out."""
        wanted = {one: one.split(_AND) for one in ids}
        left = {event_id for events in wanted.values() for event_id in events}
        found: dict[str, str] = {}
        if len(left) > _FEW:
            found = await self._listed(place, left)
        missing = [event_id for event_id in left if event_id not in found]
        for first in range(0, len(missing), _FEW):
            some = missing[first : first + _FEW]
            events = await all_of(self._get(place, event_id) for event_id in some)
            found |= {event_id: _text(event) for event_id, event in zip(some, events, strict=True) if event is not None}
        return {
            one: "".join(found[event_id] for event_id in events)
            for one, events in wanted.items()
            if all(event_id in found for event_id in events)
        }

    async def drop(self, place: Place, kept: str) -> None:
        """Delete one. Nothing happens when it is not there; what the memory does not answer for stays until its
        conversation goes."""
        for event_id in kept.split(_AND) if kept else ():
            try:
                await self._delete(place, event_id)
            except StoreUnavailable as error:
                log.warning("text_left_behind", code=error.code)
                return

    async def erase(self, place: Place) -> None:
        """Delete everything of a conversation, also what an agent keeps under the same names. Raises `StoreUnavailable`
        when something is still told after that, or there is too much for one time: ask again later."""
        erased: set[str] = set()
        for _ in range(_PAGES):
            answer = await self._call(
                "list_events", **self._where(place), includePayloads=False, maxResults=MOST_LISTED
            )
            told = [str(_field(event, "eventId")) for event in _field(answer, "events")]
            left = [event_id for event_id in told if event_id not in erased]
            if not told:
                return
            if not left:  # the list is behind
                break
            for first in range(0, len(left), _ERASED_AT_ONCE):
                await all_of(self._delete(place, event_id) for event_id in left[first : first + _ERASED_AT_ONCE])
            erased.update(left)
        raise StoreUnavailable("The memory still tells of what was erased.")

    async def sessions(self, owner: str) -> list[str]:
        """The names of all of this owner's sessions that have events."""
        found: list[str] = []
        asked: dict[str, Any] = {"memoryId": self._memory, "actorId": owner, "maxResults": MOST_LISTED}
        asked["filter"] = {"eventFilter": "HAS_EVENTS"}
        for _ in range(_PAGES_OF_SESSIONS):
            try:
                answer = await self._call("list_sessions", **asked)
            except _NotThere:  # an actor who was never heard of, or no more
                return found
            found += [str(_field(session, "sessionId")) for session in _field(answer, "sessionSummaries")]
            if not answer.get("nextToken"):
                return found
            asked["nextToken"] = answer["nextToken"]
        raise StoreUnavailable("There are too many sessions to look through.")

    async def _delete(self, place: Place, event_id: str) -> None:
        with contextlib.suppress(_NotThere):
            await self._call("delete_event", **self._where(place), eventId=event_id)

    def _where(self, place: Place) -> dict[str, Any]:
        return {"memoryId": self._memory, "actorId": place.owner, "sessionId": place.session_id}

    async def _get(self, place: Place, event_id: str) -> Mapping[str, Any] | None:
        try:
            answer = await self._call("get_event", **self._where(place), eventId=event_id)
        except _NotThere:
            return None
        found: Mapping[str, Any] = _field(answer, "event")
        return found

    async def _listed(self, place: Place, wanted: set[str]) -> dict[str, str]:
        """Those of them that stand among the newest: an agent may keep much more under the same names."""
        found: dict[str, str] = {}
        asked = self._where(place) | {"maxResults": MOST_LISTED}
        for _ in range(len(wanted) // MOST_LISTED + 1):
            answer = await self._call("list_events", **asked)
            for event in _field(answer, "events"):
                if _field(event, "eventId") in wanted:
                    found[event["eventId"]] = _text(event)
            if "nextToken" not in answer or len(found) == len(wanted):
                break
            asked["nextToken"] = answer["nextToken"]
        return found

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
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code == _NOT_FOUND:
        return _NotThere("The memory is not there.")
    log.warning("memory_refused", reason=code)
    if code in _THROTTLED:
        return StoreUnavailable("The memory takes no more for the moment.", code="store_throttled")
    if code == "ServiceQuotaExceededException":
        return TextRefused("This conversation is full; begin a new one.", code="conversation_full")
    # Not every 400: a clock that is off, or a key that has just ended, is over in a while.
    if code in _NEVER or status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TextRefused("The memory does not take this text.")
    return StoreUnavailable("The memory could not do what it was asked.")


def _events(text: str) -> Iterator[list[str]]:
    """A text in pieces as the items of an event bound them, in as many events as their bytes need."""
    event: list[str] = []
    size = 0
    for first in range(0, len(text), _ITEM_CHARACTERS):
        piece = text[first : first + _ITEM_CHARACTERS]
        encoded = (
            len(json.dumps(piece)) + _ITEM_BYTES
        )  # as botocore writes it: what is not ASCII takes six bytes or more
        if event and (size + encoded > _EVENT_BYTES or len(event) == _ITEMS):
            yield event
            event, size = [], 0
        event.append(piece)
        size += encoded
    if event:
        yield event


def _token(place: Place, said: Said, number: int) -> str:
    """The same for the same text of the same message, so that it is kept once."""
    parts = (place.owner, place.session_id, said.role, said.message_id, repr(said.at), str(number), said.text)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _field(answer: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - the API's own
    """A part of an answer. One that lacks it is no answer."""
    try:
        return answer[name]
    except (KeyError, TypeError):
        log.warning("memory_answers_oddly", missing=name)
        raise StoreUnavailable("The memory could not do what it was asked.") from None


def _text(event: Mapping[str, Any]) -> str:
    try:
        items = [item["conversational"] for item in event["payload"] if "conversational" in item]
        return "".join(item["content"]["text"] for item in items)
    except (KeyError, TypeError):
        log.warning("memory_answers_oddly", missing="text")
        raise StoreUnavailable("The memory could not do what it was asked.") from None
