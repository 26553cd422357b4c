"""The memories at the agent door: who may not read, who may not write, and what a captured request is good for."""

import asyncio
import contextlib
import datetime as dt
import json
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from botocore.exceptions import ClientError
from tests.unit.agent_door.doors import CHAT, USER_TOKEN
from tests.unit.agent_door.memory_house import (
    AGENT,
    MEMORY,
    OTHER,
    READER,
    STRANGER,
    MemoryHouse,
    memory_house,
)

from doorward.errors import StoreUnavailable
from doorward.identity.sigv4 import Credentials, Head, sign
from doorward.model.secret import Secret

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
EVENT = "0000001767268800000#0123456789abcdef"
WHERE = {"memoryId": MEMORY, "actorId": "anna", "sessionId": "session-1"}
CANARY = "canary-in-an-event"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryHouse]:
    with memory_house(tmp_path_factory.mktemp("memory")) as running:
        client = running.client()
        say(client)
        client.close()
        yield running


def say(client: Any, where: dict[str, str] = WHERE, text: str = CANARY, **more: Any) -> Any:
    payload = [{"conversational": {"role": "USER", "content": {"text": text}}}]
    return client.create_event(**where, eventTimestamp=NOON, payload=payload, **more)["event"]


def operations(client: Any, where: dict[str, str] = WHERE) -> dict[str, Any]:
    """Every operation, ready to be called."""
    memory = {"memoryId": where["memoryId"]}
    actor = {**memory, "actorId": where["actorId"]}
    return {
        "CreateEvent": lambda: say(client, where),
        "DeleteEvent": lambda: client.delete_event(**where, eventId=EVENT),
        "GetEvent": lambda: client.get_event(**where, eventId=EVENT),
        "ListEvents": lambda: client.list_events(**where),
        "ListSessions": lambda: client.list_sessions(**actor),
        "ListActors": lambda: client.list_actors(**memory),
    }


def refusal(call: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    assert CANARY not in str(caught.value.response)
    return error["Code"], caught.value.response.get("code", "")


def events_now(house: MemoryHouse) -> int:
    client = house.client()
    count = len(client.list_events(**WHERE)["events"])
    client.close()
    return count


NOBODY = Credentials("AKNOBODY000000000001", AGENT.secret)
WRONG = Credentials(AGENT.key_id, Secret("not the secret"))


@pytest.mark.parametrize(
    "key", [STRANGER, NOBODY, WRONG, CHAT], ids=["no grant", "no such key", "wrong secret", "chat"]
)
@pytest.mark.parametrize(
    "operation", ["CreateEvent", "DeleteEvent", "GetEvent", "ListEvents", "ListSessions", "ListActors"]
)
def test_without_a_grant_nothing_of_a_memory_is_read_or_written(
    house: MemoryHouse, key: Credentials, operation: str
) -> None:
    """Also for a workload that may run agents, act for users or operate the house: deny by default."""
    before = events_now(house)
    client = house.client(key)
    assert refusal(operations(client)[operation])[0] == "AccessDeniedException"
    client.close()
    assert events_now(house) == before


@pytest.mark.parametrize("operation", ["CreateEvent", "DeleteEvent"])
def test_who_may_read_a_memory_may_not_change_it(house: MemoryHouse, operation: str) -> None:
    before = events_now(house)
    client = house.client(READER)
    assert refusal(operations(client)[operation])[0] == "AccessDeniedException"
    assert len(client.list_events(**WHERE)["events"]) == before
    client.close()


@pytest.mark.parametrize("memory", [OTHER, f"arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/{OTHER}"])
def test_a_grant_is_for_one_memory_by_its_exact_name(house: MemoryHouse, memory: str) -> None:
    client = house.client()
    for call in operations(client, {**WHERE, "memoryId": memory}).values():
        assert refusal(call)[0] == "AccessDeniedException"
    client.close()


@pytest.mark.parametrize(
    "arn",
    [
        f"arn:aws:bedrock-agentcore:eu-west-1:000000000000:memory/{MEMORY}",
        f"arn:aws:bedrock-agentcore:us-east-1:111111111111:memory/{MEMORY}",
    ],
)
def test_the_arn_of_another_house_names_no_memory_of_this_one(house: MemoryHouse, arn: str) -> None:
    client = house.client()
    assert refusal(operations(client, {**WHERE, "memoryId": arn})["ListEvents"])[0] == "AccessDeniedException"
    client.close()


@pytest.mark.parametrize("users", [False, True])
def test_a_users_token_opens_no_memory_in_any_pattern(tmp_path: Any, users: bool) -> None:
    """AP-BYP-01: not even where it opens the agent door."""
    with memory_house(tmp_path, users=users) as house:
        client = house.client()
        say(client)
        client.close()
        headers = {"authorization": f"Bearer {USER_TOKEN}", "content-type": "application/json"}
        with httpx2.Client(base_url=house.url, trust_env=False, timeout=30) as http:
            listed = http.post(f"/memories/{MEMORY}/actor/anna/sessions/session-1", headers=headers, content=b"{}")
            made = http.post(f"/memories/{MEMORY}/events", headers=headers, content=b"{}")
        for answer in (listed, made):
            assert answer.status_code == 403
            assert answer.headers["x-amzn-errortype"] == "AccessDeniedException"
            assert CANARY not in answer.text


def signed(house: MemoryHouse, path: str, body: bytes, key: Credentials = AGENT) -> dict[str, str]:
    headers = [("host", house.url.removeprefix("http://")), ("content-type", "application/json")]
    head = Head("POST", path, "", headers)
    return dict([*headers, *sign(head, body, key, region="us-east-1", at=house.world.clock())])


def test_a_captured_create_makes_nothing_new_with_and_without_a_client_token(house: MemoryHouse) -> None:
    """AP-BYP-05."""
    for token in ({}, {"clientToken": str(uuid.uuid4())}):
        where = {"actorId": "replayed", "sessionId": f"session-{uuid.uuid4().hex}"}
        body = json.dumps({**where, "eventTimestamp": 1.5, "payload": [{"blob": "once"}], **token}).encode()
        path = f"/memories/{MEMORY}/events"
        headers = signed(house, path, body)
        with httpx2.Client(base_url=house.url, trust_env=False, timeout=30) as http:
            answers = [http.post(path, headers=headers, content=body) for _ in range(3)]
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["event"]["eventId"] for answer in answers}) == 1
        client = house.client()
        assert len(client.list_events(memoryId=MEMORY, **where)["events"]) == 1
        client.close()


def test_no_byte_of_a_signed_request_can_be_changed(house: MemoryHouse) -> None:
    """AP-BYP-06: another actor, another session, another memory, another body."""
    path, body = f"/memories/{MEMORY}/actor/boris/sessions/session-1", b"{}"
    headers = signed(house, path, body)
    with httpx2.Client(base_url=house.url, trust_env=False, timeout=30) as http:
        assert http.post(path, headers=headers, content=body).status_code == 200
        for other, content in (
            (path.replace("boris", "anna"), body),
            (path.replace("session-1", "session-2"), body),
            (path.replace(MEMORY, OTHER), body),
            (path, b'{"maxResults":1}'),
        ):
            answer = http.post(other, headers=headers, content=content)
            assert (answer.status_code, answer.json()["code"]) == (403, "signature_invalid")


@pytest.mark.parametrize(
    "path",
    [
        f"/memories/{MEMORY}/retrieve",
        f"/memories/{MEMORY}/memoryRecords",
        f"/memories/{MEMORY}/extractionJobs",
        f"/memories/{MEMORY}",
        "/memories",
        f"/memories/{MEMORY}/actor/a/sessions/s/events",
        f"/memories/{MEMORY}/actors/a/sessions/s",
    ],
)
def test_what_is_not_served_is_denied(house: MemoryHouse, path: str) -> None:
    with httpx2.Client(base_url=house.url, trust_env=False, timeout=30) as http:
        answer = http.post(path, headers=signed(house, path, b"{}"), content=b"{}")
    assert (answer.status_code, answer.json()["code"]) == (403, "operation_denied")


@pytest.mark.parametrize("session", ["%2e%2e", "a%2Fb", "s%00", "s%0a", "s%5c", "S%c3%a9", "-s", "s" * 101])
def test_a_session_that_is_no_name_is_refused(house: MemoryHouse, session: str) -> None:
    path = f"/memories/{MEMORY}/actor/anna/sessions/{session}"
    with httpx2.Client(base_url=house.url, trust_env=False, timeout=30) as http:
        answer = http.post(path, headers=signed(house, "/x", b"{}"), content=b"{}")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b"\xff",
        b'{"blob":' + b"[" * 100_000,
        b'{"actorId":"a","sessionId":"s","eventTimestamp":1,"payload":[{"blob":'
        + b"[" * 50_000
        + b"]" * 50_000
        + b"}]}",
        b'{"actorId":"a","sessionId":"s","eventTimestamp":1e400,"payload":[]}',
        b'{"actorId":"a","sessionId":"s","eventTimestamp":-1,"payload":[]}',
        b'{"actorId":["a"],"sessionId":"s","eventTimestamp":1,"payload":[]}',
        b'{"actorId":"../../x","sessionId":"s","eventTimestamp":1,"payload":[]}',
        b'{"actorId":"a","sessionId":"s","eventTimestamp":1,"payload":[],"approved":true}',
        b'{"actorId":"a","sessionId":"s","eventTimestamp":1,"payload":[{}]}',
        b'{"actorId":"a","sessionId":"s","eventTimestamp":1,"payload":[{"blob":1,"json":{"content":1}}]}',
    ],
)
def test_a_body_that_does_not_fit_is_refused_and_keeps_nothing(house: MemoryHouse, body: bytes) -> None:
    """AP-SES-05, AP-HTP-06: closed bodies, in bounded memory."""
    path = f"/memories/{MEMORY}/events"
    with httpx2.Client(base_url=house.url, trust_env=False, timeout=30) as http:
        answer = http.post(path, headers=signed(house, path, body), content=body)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (400, "ValidationException"), answer.text
    assert answer.json()["reason"] in ("CannotParse", "FieldValidationFailed")
    client = house.client()
    assert client.list_events(memoryId=MEMORY, actorId="a", sessionId="s")["events"] == []
    client.close()


def test_a_body_that_is_too_large_is_refused_before_it_is_read_whole(tmp_path: Any) -> None:
    with memory_house(tmp_path, max_event_bytes=2048) as house:
        client = house.client()
        assert refusal(lambda: say(client, text="x" * 3000))[0] == "ValidationException"
        assert refusal(lambda: client.list_events(**WHERE, nextToken="x" * 70_000))[0] == "ValidationException"
        client.close()


def test_every_verdict_is_in_the_ledger_and_nothing_that_was_said(house: MemoryHouse) -> None:
    client, stranger = house.client(), house.client(STRANGER)
    event = say(client)
    refusal(operations(stranger)["ListEvents"])
    client.delete_event(**WHERE, eventId=event["eventId"])
    entries = house.run(house.world.entries())[-3:]
    assert [(entry.principal, entry.action, entry.verdict) for entry in entries] == [
        ("agent", "memory:CreateEvent", "allow"),
        ("stranger", "memory:ListEvents", "deny"),
        ("agent", "memory:DeleteEvent", "allow"),
    ]
    assert {entry.resource.rpartition("/")[2] for entry in entries} == {MEMORY}
    assert CANARY not in str(house.run(house.world.entries()))
    client.close()
    stranger.close()


def test_without_a_ledger_or_a_store_nothing_is_read_and_nothing_said_to_be_kept(tmp_path: Any) -> None:
    """Fails closed: never an empty page."""
    with memory_house(tmp_path) as house:
        client = house.client()
        say(client)

        def broken(*arguments: object) -> None:
            raise StoreUnavailable("The store cannot be reached.")

        kept = house.world.ledger.enqueue
        house.world.ledger.enqueue = broken  # type: ignore[method-assign]
        for call in operations(client).values():
            assert refusal(call)[0] == "ServiceException"
        house.world.ledger.enqueue = kept  # type: ignore[method-assign]
        assert len(client.list_events(**WHERE)["events"]) == 1

        house.run(asyncio.to_thread(house.world.database.close))
        for call in operations(client).values():
            assert refusal(call)[0] == "ServiceException"
        client.close()


def post(house: MemoryHouse, path: str, body: bytes, key: Credentials) -> httpx2.Response:
    with httpx2.Client(base_url=house.url, trust_env=False, timeout=30) as http:
        return http.post(path, headers=signed(house, path, body, key), content=body)


def test_a_stranger_cannot_tell_by_the_size_of_an_event_whether_a_memory_exists(house: MemoryHouse) -> None:
    body = b'{"x":"' + b"y" * 70_000 + b'"}'
    there, absent = (post(house, f"/memories/{name}/events", body, NOBODY) for name in (MEMORY, "nosuch-0123456789"))
    assert there.status_code == 403
    assert (there.status_code, there.json()) == (absent.status_code, absent.json())


def test_bytes_that_are_no_text_are_not_kept_where_they_would_break_every_list(house: MemoryHouse) -> None:
    body = b'{"actorId":"anna","sessionId":"session-1","eventTimestamp":1,"payload":[{"blob":"\xff"}]}'
    answer = post(house, f"/memories/{MEMORY}/events", body, AGENT)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")
    assert events_now(house) >= 1


def test_strangers_who_send_large_events_slowly_hold_few_of_them_and_no_small_one(tmp_path: Path) -> None:
    """AP-LIM-04: bodies are read before anything is proven."""
    path = f"/memories/{MEMORY}/events"
    with memory_house(tmp_path) as house, contextlib.ExitStack() as open_sockets:
        address = urlsplit(house.url)
        head = f"POST {path} HTTP/1.1\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in signed(house, path, b"", NOBODY).items())
        for _ in range(8):
            slow = socket.create_connection((str(address.hostname), address.port or 0), timeout=30)
            open_sockets.callback(slow.close)
            slow.sendall(f"{head}content-length: 1000000\r\n\r\n".encode() + b"x" * 65_536)
        refused = post(house, path, b"x" * 70_000, AGENT)
        assert (refused.status_code, refused.json()["code"]) == (429, "memory_throttled")
        client = house.client()
        assert say(client)["eventId"]
        client.close()
