"""/api/conversations over HTTP."""

from typing import Any

import msgspec
import pytest
from tests.unit.front_door.api_harness import ANN, BEN, SESSION, MemoryConversations, front_door

from doorward.front_door.api.conversations import conversation_routes
from doorward.front_door.api.export import export_routes
from doorward.http.routes import Route

pytestmark = pytest.mark.anyio
PATH = f"/api/conversations/{SESSION}"


def routes(kept: MemoryConversations) -> list[Route]:
    return [*conversation_routes(kept), *export_routes(kept)]


def with_one(*contents: str) -> MemoryConversations:
    kept = MemoryConversations()
    kept.put(ANN, SESSION, "Weather", contents or ("hello", "hi there"))
    return kept


def decoded(body: bytes) -> Any:
    return msgspec.json.decode(body)


async def test_a_page_lists_conversations_newest_first_with_times_in_utc() -> None:
    kept = MemoryConversations()
    for number in range(3):
        kept.put(ANN, f"{number}" * 40, f"name {number}", ["hello"])
    async with front_door(routes(kept)) as call:
        status, _, body = await call("GET", "/api/conversations?limit=2")
        _, _, rest = await call("GET", f"/api/conversations?limit=2&cursor={decoded(body)['next_cursor']}")
    page = decoded(body)
    assert status == 200
    assert [item["conversation_name"] for item in page["conversations"]] == ["name 2", "name 1"]
    assert page["conversations"][0] == {
        "session_id": "2" * 40,
        "conversation_name": "name 2",
        "created_at": "2023-11-14T22:13:20.000Z",
        "updated_at": "2023-11-14T22:13:22.250Z",
        "message_count": 1,
    }
    assert [item["conversation_name"] for item in decoded(rest)["conversations"]] == ["name 0"]
    assert decoded(rest)["next_cursor"] is None


async def test_a_search_passes_its_words_on() -> None:
    kept = with_one()
    kept.put(ANN, "b" * 40, "Trains")
    async with front_door(routes(kept)) as call:
        _, _, body = await call("GET", "/api/conversations?q=Train")
    assert [item["conversation_name"] for item in decoded(body)["conversations"]] == ["Trains"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "limit=", "cursor=", "q=", "q=" + "x" * 201, "unknown=1", "limit=1&limit=1"],
)
async def test_a_query_out_of_bounds_is_refused(query: str) -> None:
    async with front_door(routes(with_one())) as call:
        status, _, body = await call("GET", f"/api/conversations?{query}")
    assert status == 400
    assert decoded(body)["code"] in ("invalid_parameter", "unknown_parameter", "duplicate_parameter")


async def test_messages_come_in_order_from_either_end() -> None:
    async with front_door(routes(with_one("1", "2", "3", "4", "5"))) as call:
        _, _, first = await call("GET", f"{PATH}?limit=2")
        _, _, last = await call("GET", f"{PATH}?limit=2&from=end")
        _, _, before = await call("GET", f"{PATH}?limit=2&cursor={decoded(last)['previous_cursor']}")
        refused, _, _ = await call("GET", f"{PATH}?from=middle")
    assert [item["content"] for item in decoded(first)["messages"]] == ["1", "2"]
    assert [item["content"] for item in decoded(last)["messages"]] == ["4", "5"]
    assert [item["content"] for item in decoded(before)["messages"]] == ["2", "3"]
    assert decoded(first)["actor_id"] == ANN.key
    assert decoded(first)["session_id"] == SESSION
    assert decoded(first)["messages"][0] == {
        "id": "m1",
        "role": "user",
        "content": "1",
        "timestamp": "2023-11-14T22:13:21.000Z",
        "turn_id": "t1",
        "status": "complete",
    }
    assert refused == 400


async def test_a_rename_is_trimmed_and_answered_with_the_conversation() -> None:
    kept = with_one()
    async with front_door(routes(kept)) as call:
        status, _, body = await call("PATCH", PATH, json={"conversation_name": "  Rain  "})
    assert (status, decoded(body)["conversation_name"]) == (200, "Rain")
    assert kept.kept[ANN.key, SESSION].name == "Rain"


@pytest.mark.parametrize(
    "sent", [{}, {"conversation_name": ""}, {"conversation_name": "   "}, {"conversation_name": "x" * 121}]
)
async def test_a_name_that_does_not_fit_changes_nothing(sent: dict[str, str]) -> None:
    kept = with_one()
    async with front_door(routes(kept)) as call:
        status, _, _ = await call("PATCH", PATH, json=sent)
    assert status == 400
    assert kept.kept[ANN.key, SESSION].name == "Weather"


async def test_deleting_answers_with_nothing() -> None:
    kept = with_one()
    async with front_door(routes(kept)) as call:
        status, _, body = await call("DELETE", PATH)
        again, _, _ = await call("DELETE", PATH)
    assert (status, body, again) == (204, b"", 404)


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("GET", PATH, None),
        ("PATCH", PATH, {"conversation_name": "mine now"}),
        ("DELETE", PATH, None),
        ("GET", f"{PATH}/export", None),
    ],
)
async def test_another_users_conversation_is_not_there_for_any_verb(
    method: str, path: str, sent: dict[str, str] | None
) -> None:
    """AP-SES-01."""
    kept = with_one()
    async with front_door(routes(kept)) as call:
        status, _, body = await call(method, path, user=BEN, json=sent)
    assert (status, decoded(body)["code"]) == (404, "not_found")
    assert kept.kept[ANN.key, SESSION].name == "Weather"


async def test_an_export_in_json_is_one_object_with_every_message() -> None:
    async with front_door(routes(with_one("hello", 'say "hi"\n'))) as call:
        _, headers, body = await call("GET", f"{PATH}/export")
    export = decoded(body)
    assert headers["content-type"] == "application/json"
    assert headers["content-disposition"] == f'attachment; filename="conversation-{SESSION}.json"'
    assert export["conversation_name"] == "Weather"
    assert [item["content"] for item in export["messages"]] == ["hello", 'say "hi"\n']


async def test_an_export_of_an_empty_conversation_is_still_json() -> None:
    kept = MemoryConversations()
    kept.put(ANN, SESSION, "Empty")
    async with front_door(routes(kept)) as call:
        _, _, body = await call("GET", f"{PATH}/export?format=json")
    assert decoded(body)["messages"] == []


async def test_an_export_in_markdown_is_a_file_to_read() -> None:
    async with front_door(routes(with_one("hello", "hi"))) as call:
        _, headers, body = await call("GET", f"{PATH}/export?format=markdown")
        refused, _, _ = await call("GET", f"{PATH}/export?format=html")
    assert headers["content-type"] == "text/markdown; charset=utf-8"
    assert headers["content-disposition"].endswith('.md"')
    assert body.decode().startswith(
        "# Weather\n\nBegun 2023-11-14T22:13:20.000Z\n\n## user, 2023-11-14T22:13:21.000Z\n"
    )
    assert refused == 400
