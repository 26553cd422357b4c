"""/openapi.json says what the code does: schemathesis, with all its checks, finds nothing."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from tests.unit.front_door.api_harness import ANN, SESSION, MemoryChat, MemoryConversations, TodayOnly, front_door

from doorward.front_door.api.chat import chat_routes
from doorward.front_door.api.conversations import conversation_routes
from doorward.front_door.api.export import export_routes
from doorward.front_door.api.health import health_routes
from doorward.front_door.api.me import me_routes, usage_routes
from doorward.front_door.api.turns import turn_routes
from doorward.front_door.openapi import Document, build, openapi_routes
from doorward.http.routes import Access, Route
from doorward.model.settings import FrontDoorSettings

pytestmark = pytest.mark.anyio
DOCUMENT = Document(title="Doorward", version="0", server="http://127.0.0.1", cookie="doorward_session")


def everything(conversations: MemoryConversations, chat: MemoryChat | None = None) -> list[Route]:
    chat = chat or MemoryChat()
    routes = [
        *chat_routes(chat, max_message_characters=100, body_limit=4096),
        *turn_routes(chat),
        *conversation_routes(conversations),
        *export_routes(conversations),
        *me_routes("conversations", "rehearsal"),
        *usage_routes(TodayOnly()),
        *health_routes({}),
    ]
    return [*routes, *openapi_routes(routes, DOCUMENT)]


def with_conversations() -> MemoryConversations:
    kept = MemoryConversations()
    kept.put(ANN, SESSION, "Weather", ["hello", "hi"])
    return kept


async def test_the_document_lists_every_route_that_is_not_hidden() -> None:
    routes = everything(with_conversations())
    async with front_door(routes) as call:
        status, _, body = await call("GET", "/openapi.json", user=None)
    document = msgspec.json.decode(body)
    shown = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    assert status == 200
    assert shown == {(route.path, route.method) for route in routes}
    assert document["openapi"] == "3.1.0"


async def test_bodies_are_closed_and_bounded_as_configured() -> None:
    document = build(everything(with_conversations()), DOCUMENT)
    schemas = document["components"]["schemas"]
    assert schemas["TurnRequest"]["additionalProperties"] is False
    assert schemas["TurnRequest"]["properties"]["message"]["maxLength"] == 100
    for name, schema in schemas.items():
        Draft202012Validator.check_schema(schema)
        assert name in ("Problem", "DayUsage") or schema["additionalProperties"] is False


async def test_a_route_says_how_to_knock() -> None:
    paths = build(everything(with_conversations()), DOCUMENT)["paths"]
    assert paths["/healthz"]["get"]["security"] == []
    assert paths["/api/me"]["get"]["security"] == [{"bearer": []}, {"session": []}]
    assert paths["/api/chat"]["post"]["security"] == [{"bearer": []}, {"session": [], "csrf": []}]
    assert "401" in paths["/api/me"]["get"]["responses"]
    assert "401" not in paths["/healthz"]["get"]["responses"]
    assert set(paths["/api/chat"]["post"]["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}


async def test_a_hidden_route_stays_out() -> None:
    hidden = Route(method="GET", path="/x", handler=_none, access=Access.PUBLIC, hidden=True)
    assert build([hidden], DOCUMENT)["paths"] == {}


async def _none(_: Any) -> Any:
    raise AssertionError


# No schema can say which cursors this server made, so a generated one is refused with 400: the one expectation changed.
CONFIG = f"""
[auth.openapi.bearer]
bearer = "token-of-{ANN.subject}"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "429"]
"""


async def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    unlimited = FrontDoorSettings(address_requests=1_000_000, user_requests=1_000_000)
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    chat = MemoryChat()
    async with front_door(everything(with_conversations(), chat), settings=unlimited) as call:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run", f"{call.url}/openapi.json"),
            *(f"--url={call.url}", "--checks=all", "--max-examples=8", "--generation-deterministic"),
            *("--suppress-health-check=all", "--no-color"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        )
        async with asyncio.timeout(240):
            output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert chat.turns, "no generated message got through the door"
