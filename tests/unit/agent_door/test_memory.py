"""The Memory data plane, asked by boto3 as it is: events, pages, branches, metadata, errors, limits."""

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from tests.unit.agent_door.memory_house import ARN, GONE, MEMORY, READER, MemoryHouse, memory_house

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryHouse]:
    with memory_house(tmp_path_factory.mktemp("memory")) as running:
        yield running


@pytest.fixture(scope="module")
def client(house: MemoryHouse) -> Iterator[Any]:
    made = house.client()
    yield made
    made.close()


@pytest.fixture
def where() -> dict[str, str]:
    """A session of its own for each test."""
    return {"memoryId": MEMORY, "actorId": f"user/1:{uuid.uuid4().hex}", "sessionId": f"s-{uuid.uuid4().hex}"}


def said(text: str, role: str = "USER") -> list[dict[str, Any]]:
    return [{"conversational": {"role": role, "content": {"text": text}}}]


def created(client: Any, where: dict[str, str], text: str, at: int = 0, **more: Any) -> dict[str, Any]:
    event: dict[str, Any] = client.create_event(
        **where, eventTimestamp=NOON + dt.timedelta(seconds=at), payload=said(text), **more
    )["event"]
    return event


def texts(events: list[dict[str, Any]]) -> list[str]:
    return [event["payload"][0]["conversational"]["content"]["text"] for event in events]


def refused(call: Any, **arguments: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    assert answer["Error"]["Message"]
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_only_the_endpoint_is_named_by_the_environment(
    house: MemoryHouse, where: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in house.environment().items():
        monkeypatch.setenv(name, value)
    client = boto3.Session().client("bedrock-agentcore")
    assert created(client, where, "hello")["memoryId"] == MEMORY
    client.close()


def test_an_event_comes_back_as_it_was_made(client: Any, where: dict[str, str]) -> None:
    payload = [
        {"conversational": {"role": "ASSISTANT", "content": {"text": "Ünïcode \U0001f600 \n"}}},
        {"blob": {"any": ["json", 1, 1.5, None, {"deep": True}]}},
        {"blob": "a text"},
        {"json": {"content": {"a": 1}}},
    ]
    at = dt.datetime(2026, 5, 6, 7, 8, 9, 123000, tzinfo=dt.UTC)
    made = client.create_event(**where, eventTimestamp=at, payload=payload, metadata={"place": {"stringValue": "NYC"}})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    event = made["event"]
    assert event["payload"] == payload
    assert event["eventTimestamp"] == at
    assert {name: event[name] for name in where} == where
    assert client.get_event(**where, eventId=event["eventId"])["event"] == event
    assert client.list_events(**where)["events"] == [event]


def test_a_path_with_a_query_is_none_of_the_data_planes(house: MemoryHouse) -> None:
    """AgentCore's operations on events have none: what nobody reads, nobody may send past a check."""
    asked = house.client()
    assert asked.list_actors(memoryId=MEMORY)["ResponseMetadata"]["HTTPStatusCode"] == 200

    def with_query(request: Any, **_: Any) -> None:
        request.url += "?maxResults=1"

    asked.meta.events.register("before-sign.bedrock-agentcore.ListActors", with_query)
    assert refused(asked.list_actors, memoryId=MEMORY) == ("AccessDeniedException", 403)
    asked.close()


def test_a_memory_is_found_by_its_arn(client: Any, where: dict[str, str]) -> None:
    event = created(client, {**where, "memoryId": ARN}, "by ARN")
    assert event["memoryId"] == MEMORY
    assert client.list_events(**{**where, "memoryId": ARN})["events"] == [event]


def test_events_come_newest_first_in_pages_and_of_one_time_as_they_came(client: Any, where: dict[str, str]) -> None:
    for number in range(25):
        created(client, where, str(number), at=number // 5)
    newest_first = [str(number) for number in reversed(range(25))]
    assert texts(client.list_events(**where)["events"]) == newest_first[:20]
    seen: list[str] = []
    for page in client.get_paginator("list_events").paginate(**where, PaginationConfig={"PageSize": 7}):
        assert len(page["events"]) <= 7
        seen += texts(page["events"])
    assert seen == newest_first
    bare = client.list_events(**where, includePayloads=False, maxResults=1)["events"]
    assert [event["payload"] for event in bare] == [[]]


def test_what_comes_and_goes_between_two_pages_moves_nothing(client: Any, where: dict[str, str]) -> None:
    events = [created(client, where, str(number), at=number) for number in range(6)]
    first = client.list_events(**where, maxResults=3)
    created(client, where, "later", at=99)
    client.delete_event(**where, eventId=events[3]["eventId"])
    rest = client.list_events(**where, maxResults=3, nextToken=first["nextToken"])
    assert texts(rest["events"]) == ["2", "1", "0"]
    assert "nextToken" not in rest


def test_a_token_of_another_list_is_refused(client: Any, where: dict[str, str]) -> None:
    """AP-MEM-03."""
    for number in range(3):
        created(client, where, str(number))
    token = client.list_events(**where, maxResults=1)["nextToken"]
    elsewhere = {**where, "actorId": "somebody-else"}
    for arguments in (elsewhere, {**where, "filter": {"branch": {"name": "b"}}}, {**where, "sessionId": "other"}):
        assert refused(client.list_events, **arguments, nextToken=token) == ("ValidationException", 400)
    assert refused(client.list_events, **where, nextToken=token[:-2] + "AA") == ("ValidationException", 400)


def test_a_deleted_event_is_gone_and_deleting_it_again_is_not_found(client: Any, where: dict[str, str]) -> None:
    event = created(client, where, "mistake")
    gone = {**where, "eventId": event["eventId"]}
    assert client.delete_event(**gone)["eventId"] == event["eventId"]
    assert refused(client.get_event, **gone) == ("ResourceNotFoundException", 404)
    assert refused(client.delete_event, **gone) == ("ResourceNotFoundException", 404)
    assert client.list_events(**where)["events"] == []


def test_branches_fork_off_and_are_read_alone_or_with_their_parents(client: Any, where: dict[str, str]) -> None:
    main = [created(client, where, f"main {number}", at=number) for number in range(3)]
    fork = {"name": "other-way", "rootEventId": main[1]["eventId"]}
    first = created(client, where, "fork 0", at=10, branch=fork)
    assert first["branch"] == fork
    second = created(client, where, "fork 1", at=11, branch={"name": "other-way"})
    assert second["branch"] == fork
    created(client, where, "leaf 0", at=12, branch={"name": "leaf", "rootEventId": first["eventId"]})

    def read(name: str, **more: Any) -> list[str]:
        return texts(client.list_events(**where, filter={"branch": {"name": name, **more}})["events"])

    assert read("other-way") == ["fork 1", "fork 0"]
    assert read("other-way", includeParentBranches=True) == ["fork 1", "fork 0", "main 1", "main 0"]
    assert read("leaf", includeParentBranches=True) == ["leaf 0", "fork 0", "main 1", "main 0"]
    assert read("main") == ["main 2", "main 1", "main 0"]
    assert len(client.list_events(**where)["events"]) == 6


def test_a_branch_needs_a_root_that_is_there(client: Any, where: dict[str, str]) -> None:
    event = created(client, where, "root")
    stray = {"name": "b", "rootEventId": "0000000000000001#abcdef"}
    told = {"eventTimestamp": NOON, "payload": said("x")}
    assert refused(client.create_event, **where, **told, branch=stray) == ("ValidationException", 400)
    created(client, where, "on b", branch={"name": "b", "rootEventId": event["eventId"]})
    other = created(client, where, "another root")
    again = {"name": "b", "rootEventId": other["eventId"]}
    assert refused(client.create_event, **where, **told, branch=again) == ("ValidationException", 400)


def test_metadata_filters_hold_together(client: Any, where: dict[str, str]) -> None:
    created(client, where, "a", metadata={"place": {"stringValue": "NYC"}, "kind": {"stringValue": "x"}})
    created(client, where, "b", metadata={"place": {"stringValue": "Rome"}})
    created(client, where, "c")

    def read(*tests: tuple[str, str, str | None]) -> list[str]:
        expressions = []
        for key, operator, value in tests:
            right = {} if value is None else {"right": {"metadataValue": {"stringValue": value}}}
            expressions.append({"left": {"metadataKey": key}, "operator": operator, **right})
        return texts(client.list_events(**where, filter={"eventMetadata": expressions})["events"])

    assert read(("place", "EQUALS_TO", "NYC")) == ["a"]
    assert read(("place", "EXISTS", None)) == ["b", "a"]
    assert read(("place", "NOT_EXISTS", None)) == ["c"]
    assert read(("place", "EXISTS", None), ("kind", "NOT_EXISTS", None)) == ["b"]
    half = [{"left": {"metadataKey": "place"}, "operator": "EQUALS_TO"}]
    assert refused(client.list_events, **where, filter={"eventMetadata": half}) == ("ValidationException", 400)


def test_an_equal_call_with_an_equal_token_makes_one_event(client: Any, where: dict[str, str]) -> None:
    """AP-MEM-04."""
    token = str(uuid.uuid4())
    first = created(client, where, "once", clientToken=token)
    assert created(client, where, "once", clientToken=token) == first
    client.delete_event(**where, eventId=first["eventId"])
    assert created(client, where, "once", clientToken=token)["eventId"] == first["eventId"]
    assert client.list_events(**where)["events"] == [], "a token makes one event, also when that one has been deleted"
    with pytest.raises(ClientError) as caught:
        created(client, where, "another", clientToken=token)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["reason"] == "IdempotentParameterMismatchException"


def test_actors_and_their_sessions_are_listed_in_pages(client: Any) -> None:
    prefix = f"list-{uuid.uuid4().hex}"
    for actor in range(3):
        for session in range(5):
            where = {"memoryId": MEMORY, "actorId": f"{prefix}-{actor}", "sessionId": f"session-{session}"}
            created(client, where, "x")
    found: list[str] = []
    for page in client.get_paginator("list_sessions").paginate(
        memoryId=MEMORY, actorId=f"{prefix}-1", PaginationConfig={"PageSize": 2}
    ):
        found += [summary["sessionId"] for summary in page["sessionSummaries"]]
        assert all(summary["actorId"] == f"{prefix}-1" for summary in page["sessionSummaries"])
    assert found == [f"session-{number}" for number in range(5)]
    actors: list[str] = []
    for page in client.get_paginator("list_actors").paginate(memoryId=MEMORY, PaginationConfig={"PageSize": 2}):
        actors += [summary["actorId"] for summary in page["actorSummaries"]]
    assert [actor for actor in actors if actor.startswith(prefix)] == [f"{prefix}-{number}" for number in range(3)]
    assert actors == sorted(set(actors))
    assert client.list_sessions(memoryId=MEMORY, actorId="nobody")["sessionSummaries"] == []


def test_an_empty_session_is_listed_for_a_day_without_the_filter(tmp_path: Any, where: dict[str, str]) -> None:
    with memory_house(tmp_path) as house:
        client = house.client()
        client.delete_event(**where, eventId=created(client, where, "mistake")["eventId"])
        asked = {"memoryId": MEMORY, "actorId": where["actorId"]}
        listed = client.list_sessions(**asked)["sessionSummaries"]
        assert [summary["sessionId"] for summary in listed] == [where["sessionId"]]
        assert client.list_sessions(**asked, filter={"eventFilter": "HAS_EVENTS"})["sessionSummaries"] == []
        later = house.world.clock() + 86400 + 1
        house.world.memory._clock = lambda: later
        assert client.list_sessions(**asked)["sessionSummaries"] == []
        client.close()


def test_what_does_not_fit_is_a_validation_error_and_keeps_nothing(client: Any, where: dict[str, str]) -> None:
    told = {"eventTimestamp": NOON}
    wrong: list[dict[str, Any]] = [
        {"payload": said("x" * 100_001)},
        {"payload": [{"json": {"content": "x" * 100_001}}]},
        {"payload": said("x") * 101},
        {"payload": said("x"), "metadata": {"key": {"stringValue": "not; allowed"}}},
        {"payload": said("x"), "metadata": {f"k{number}": {"stringValue": ""} for number in range(16)}},
        {"payload": said("x", role="SYSTEM")},
    ]
    for more in wrong:
        assert refused(client.create_event, **where, **told, **more) == ("ValidationException", 400), more
    assert refused(client.list_events, **where, maxResults=101) == ("ValidationException", 400)
    for name in ("actorId", "sessionId"):
        bad = {**where, name: "not good!"}
        assert refused(client.create_event, **bad, **told, payload=said("x")) == ("ValidationException", 400)
        assert refused(client.list_events, **bad) == ("ValidationException", 400)
    assert client.list_events(**where)["events"] == []


def test_a_memory_that_is_not_there_is_not_found_for_who_may_use_it(client: Any, where: dict[str, str]) -> None:
    assert refused(client.list_events, **{**where, "memoryId": GONE}) == ("ResourceNotFoundException", 404)


def test_an_event_without_a_session_gets_a_new_one(client: Any, where: dict[str, str]) -> None:
    del where["sessionId"]
    sessions = {created(client, where, "x")["sessionId"] for _ in range(2)}
    assert len(sessions) == 2


def test_a_session_that_is_full_takes_nothing_until_something_is_deleted(tmp_path: Any, where: dict[str, str]) -> None:
    with memory_house(tmp_path, max_session_events=2, max_session_bytes=2000) as house:
        client = house.client()
        first = created(client, where, "1")
        created(client, where, "2")
        told = {"eventTimestamp": NOON, "payload": said("3")}
        assert refused(client.create_event, **where, **told) == ("ServiceQuotaExceededException", 402)
        client.delete_event(**where, eventId=first["eventId"])
        large = {"eventTimestamp": NOON, "payload": said("x" * 2000)}
        assert refused(client.create_event, **where, **large) == ("ServiceQuotaExceededException", 402)
        created(client, where, "3")
        client.close()


def test_events_are_gone_when_their_days_are_over(tmp_path: Any, where: dict[str, str]) -> None:
    with memory_house(tmp_path, expiry_days=3) as house:
        client = house.client()
        event = created(client, where, "old")
        later = house.world.clock() + 3 * 86400 + 1
        house.world.memory._clock = lambda: later  # the store's alone: signatures are of today
        assert client.list_events(**where)["events"] == []
        assert refused(client.get_event, **where, eventId=event["eventId"]) == ("ResourceNotFoundException", 404)
        client.close()


def test_who_asks_too_often_is_throttled_and_others_are_not(tmp_path: Any, where: dict[str, str]) -> None:
    with memory_house(tmp_path, memory_requests=3) as house:
        client, other = house.client(), house.client(READER)
        for _ in range(3):
            client.list_events(**where)
        assert refused(client.list_events, **where) == ("ThrottledException", 429)
        assert other.list_events(**where)["events"] == []
        client.close()
        other.close()


def test_events_outlast_a_restart(tmp_path: Any, where: dict[str, str]) -> None:
    with memory_house(tmp_path) as house:
        client = house.client()
        event = created(client, where, "kept")
        for number in range(3):
            created(client, where, str(number), at=-1)
        cursor = client.list_events(**where, maxResults=1)["nextToken"]
        client.close()
    with memory_house(tmp_path) as house:
        client = house.client()
        assert client.get_event(**where, eventId=event["eventId"])["event"] == event
        assert len(client.list_events(**where, nextToken=cursor)["events"]) == 3
        client.close()


def test_a_page_of_large_events_ends_early_and_goes_on(client: Any, where: dict[str, str]) -> None:
    for number in range(5):
        client.create_event(**where, eventTimestamp=NOON, payload=[{"blob": f"{number}" * 1_500_000}])
    pages = list(client.get_paginator("list_events").paginate(**where, PaginationConfig={"PageSize": 100}))
    assert len(pages) > 1
    events = [event for page in pages for event in page["events"]]
    assert [event["payload"][0]["blob"][0] for event in events] == ["4", "3", "2", "1", "0"]
