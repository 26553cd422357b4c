"""A house that keeps the text of messages in AgentCore Memory: its own agent door's, as on AWS it is AWS's."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.journey.house import House, free_port, running_house
from tests.journey.talking import chat, eventually, follow, messages, streamed, text_of

MEMORY = "messages-0123456789"
KEY, SECRET = "AKGATEWAYMESSAGES001", "the-secret-of-the-gateways-messages"
REGION = "us-east-1"
CANARY = "marzipan-and-nougat"

CONFIG = f"""
[chat]
memory = "{MEMORY}"

[[memories]]
id = "{MEMORY}"

[[workloads]]
name = "messages"
access_key_id = "{KEY}"
secret_access_key = "{SECRET}"
may_read_memory = ["{MEMORY}"]
may_write_memory = ["{MEMORY}"]
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    port = free_port()
    environment = {
        "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    folder = tmp_path_factory.mktemp("messages")
    with running_house(folder, "--agent-port", str(port), environment=environment, config=CONFIG) as running:
        yield running


def kept(house: House, session_id: str) -> list[tuple[str, str]]:
    """What the memory has of a conversation, the oldest first."""
    memory: Any = boto3.client(
        "bedrock-agentcore",
        endpoint_url=house.ready["agent_door"],
        region_name=REGION,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )
    said = []
    for actor in memory.list_actors(memoryId=MEMORY)["actorSummaries"]:
        where = {"memoryId": MEMORY, "actorId": actor["actorId"], "sessionId": session_id}
        for event in reversed(memory.list_events(**where)["events"]):
            said += [item["conversational"] for item in event["payload"]]
    memory.close()
    return [(item["role"], item["content"]["text"]) for item in said]


def test_history_is_read_from_the_memory_and_deleting_erases_it_there(house: House) -> None:
    with house.client() as client:
        anna = house.bearer(0)
        answer = chat(client, f"I like {CANARY}.", anna)
        session = answer["session_id"]
        told = [("USER", f"I like {CANARY}."), ("ASSISTANT", answer["response"])]
        assert kept(house, session) == told
        assert [item["content"] for item in messages(client, session, anna)] == [text for _, text in told]
        found = client.get("/api/conversations", params={"q": CANARY}, headers=anna).json()["conversations"]
        assert [item["session_id"] for item in found] == [session]
        with sqlite3.connect(house.data / "gateway.db") as store:
            texts = [content for (content,) in store.execute("SELECT content FROM messages")]
        assert texts
        assert not any(CANARY in text for text in texts)
        assert client.delete(f"/api/conversations/{session}", headers=anna).status_code == 204
        eventually(lambda: kept(house, session) == [])


def test_a_turn_that_outlives_its_gateway_ends_in_the_memory(house: House) -> None:
    with house.client() as client:
        anna = house.bearer(0)
        with streamed(client, "please stream 60 words", anna) as (response, events):
            session, turn_id = response.headers["x-session-id"], response.headers["x-turn-id"]
            next(event for event in events if event.type == "TEXT_MESSAGE_CONTENT")
            os.kill(house.pid("gateway"), signal.SIGKILL)
    words = " ".join(map(str, range(1, 61)))
    eventually(lambda: house.pid("gateway") > 0, seconds=30)
    with house.client() as client:

        def ended() -> bool:
            return kept(house, session)[1:] == [("ASSISTANT", words)]

        eventually(ended, seconds=40)
        assert text_of(follow(client, turn_id, anna)) == words
        assert [item["content"] for item in messages(client, session, anna)] == ["please stream 60 words", words]
