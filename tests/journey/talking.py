"""What a client of the HTTP API does: send a message, read a stream of events, wait for something to come true."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec

Headers = dict[str, str]
SSE = {"accept": "text/event-stream"}


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    id: int | None
    name: str
    data: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.data.get("type", self.name))


def events_in(lines: Iterable[str]) -> Iterator[Event]:
    """Server-sent events of a stream's lines, as the HTML standard reads them; comments are left out."""
    number, name, data = None, "message", list[str]()
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            field, _, value = line.partition(": ")
            if field == "id":
                number = int(value)
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
        elif data:
            yield Event(number, name, msgspec.json.decode("\n".join(data)))
            name, data = "message", []


def text_of(events: Iterable[Event]) -> str:
    """The text that the events spell."""
    return "".join(event.data["delta"] for event in events if event.type == "TEXT_MESSAGE_CONTENT")


def chat(client: httpx2.Client, message: str, headers: Headers, session_id: str | None = None) -> dict[str, Any]:
    """One message and its whole answer, which must come."""
    body = {"message": message} | ({"session_id": session_id} if session_id else {})
    answer = client.post("/api/chat", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@contextmanager
def streamed(
    client: httpx2.Client, message: str, headers: Headers, session_id: str | None = None
) -> Iterator[tuple[httpx2.Response, Iterator[Event]]]:
    """The open stream of a new turn: the response (for its headers) and the events as they come."""
    body = {"message": message} | ({"session_id": session_id} if session_id else {})
    with client.stream("POST", "/api/chat", json=body, headers={**headers, **SSE}) as response:
        if response.status_code != 200:
            response.read()
        assert response.status_code == 200, response.text
        yield response, events_in(response.iter_lines())


def follow(client: httpx2.Client, turn_id: str, headers: Headers, after: int | None = None) -> list[Event]:
    """The rest of a turn's events, to their end; `after` goes as Last-Event-ID."""
    seen = {} if after is None else {"last-event-id": str(after)}
    with client.stream("GET", f"/api/turns/{turn_id}/events", headers={**headers, **SSE, **seen}) as response:
        if response.status_code != 200:
            response.read()
        assert response.status_code == 200, response.text
        return list(events_in(response.iter_lines()))


def messages(client: httpx2.Client, session_id: str, headers: Headers) -> list[dict[str, Any]]:
    """All messages of a conversation, page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = client.get(
            f"/api/conversations/{session_id}", params={"cursor": cursor} if cursor else {}, headers=headers
        )
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["messages"]
        if page["next_cursor"] is None or not page["messages"]:
            return found
        cursor = page["next_cursor"]


def eventually(look: Callable[[], Any], *, seconds: float = 10) -> Any:
    """What `look` gives as soon as it gives something true; the other side of the wire has no event of ours."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)
