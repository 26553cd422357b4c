"""An agent written for AWS runs in our runtime, with nothing but environment variables: AgentCore Memory is our agent
door's, SSM and DynamoDB are moto's, and nothing leaves this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.contract.dynamo import moto_server
from tests.journey.house import House, free_port, running_house
from tests.journey.openai_server import openai_server_in_a_thread
from tests.journey.talking import chat, eventually, streamed, text_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "agentcore_memory"
MEMORY = "shop-0123456789"
KEY, SECRET = "AKSHOPASSISTANT00001", "the-secret-of-the-shop-assistant"
REGION = "us-east-1"

CONFIG = f"""
[[memories]]
id = "{MEMORY}"

[[workloads]]
name = "shop-assistant"
access_key_id = "{KEY}"
secret_access_key = "{SECRET}"
may_read_memory = ["{MEMORY}"]
may_write_memory = ["{MEMORY}"]

[agent]
pass_environment = [
    "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_REGION",
    "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "OPENAI_BASE_URL", "OPENAI_API_KEY",
]
"""


def aws(service: str, url: str) -> Any:
    return boto3.client(
        service, endpoint_url=url, region_name=REGION, aws_access_key_id=KEY, aws_secret_access_key=SECRET
    )


def furnished(url: str, talks: str) -> None:
    """What the account of the agent has: parameters and two tables. moto's servers in one process share all."""
    ssm, dynamo, shops = aws("ssm", url), aws("dynamodb", url), f"shops-of-{talks}"
    parameters = {"memory-id": MEMORY, "shops-table": shops, "conversations-table": talks, "model": "openai:local"}
    for name, value in parameters.items():
        ssm.put_parameter(Name=f"/shop-assistant/{name}", Value=value, Type="String", Overwrite=True)
    for table, keys in ((shops, ["city"]), (talks, ["actor_id", "session_id"])):
        dynamo.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
        )
    dynamo.put_item(TableName=shops, Item={"city": {"S": "boston"}, "hours": {"S": "9 to 5"}})
    ssm.close()
    dynamo.close()


@contextmanager
def assistant(folder: Path, file: str, **more: str) -> Iterator[tuple[House, str]]:
    """A house with the example, and where moto is."""
    with moto_server() as cloud:
        furnished(cloud, f"talks-{file}")
        port = free_port()
        environment = {
            "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE": f"http://127.0.0.1:{port}",
            "AWS_ENDPOINT_URL_SSM": cloud,
            "AWS_ENDPOINT_URL_DYNAMODB": cloud,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            **more,
        }
        agent = ("--agent", str(EXAMPLE / file), "--agent-port", str(port))
        with running_house(folder, *agent, environment=environment, config=CONFIG) as house:
            yield house, cloud


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    with assistant(tmp_path_factory.mktemp("graph"), "graph.py") as running:
        yield running


def remembered(house: House) -> list[dict[str, Any]]:
    """Every session of every actor in the memory."""
    memory = aws("bedrock-agentcore", house.ready["agent_door"])
    actors = memory.list_actors(memoryId=MEMORY)["actorSummaries"]
    found = [
        session
        for actor in actors
        for session in memory.list_sessions(memoryId=MEMORY, actorId=actor["actorId"])["sessionSummaries"]
    ]
    memory.close()
    return found


def talks(cloud: str, table: str) -> dict[tuple[str, str], str]:
    dynamo = aws("dynamodb", cloud)
    items = dynamo.scan(TableName=table)["Items"]
    dynamo.close()
    return {(item["actor_id"]["S"], item["session_id"]["S"]): item["name"]["S"] for item in items}


def test_its_conversations_are_in_our_memory_its_names_in_dynamodb(graph: tuple[House, str]) -> None:
    """Each user's apart, under who signed in and not under what somebody wrote (AP-SES-06)."""
    house, cloud = graph
    with house.client() as client:
        anna, boris = house.bearer(0), house.bearer(1)
        first = chat(client, "Hello, my name is Anna.", anna)
        with streamed(client, "What is my name?", anna, first["session_id"]) as (_, events):
            assert text_of(events) == "Your name is Anna."
        assert "have not told me" in chat(client, "What is my name?", boris, first["session_id"])["response"]
    sessions = remembered(house)
    assert len(sessions) == len({session["actorId"] for session in sessions}) == 2
    assert {session["sessionId"].startswith(first["session_id"]) for session in sessions} == {True}
    names = talks(cloud, "talks-graph.py")
    assert set(names) == {(session["actorId"], session["sessionId"]) for session in sessions}
    assert sorted(names.values()) == ["Hello, my name is Anna.", "What is my name?"]


def test_its_tool_reads_dynamodb(graph: tuple[House, str]) -> None:
    house, _ = graph
    with house.client() as client:
        answer = chat(client, "What are the opening hours in Boston?", house.bearer(0))
    assert answer["response"] == "The shop in Boston is open 9 to 5."


def test_what_a_user_deletes_is_gone_from_the_memory(graph: tuple[House, str]) -> None:
    house, _ = graph
    with house.client() as client:
        anna = house.bearer(0)
        kept, gone = (chat(client, "Hello.", anna)["session_id"] for _ in range(2))

        def there(session: str) -> bool:
            return any(found["sessionId"].startswith(session) for found in remembered(house))

        assert there(kept)
        assert there(gone)
        assert client.delete(f"/api/conversations/{gone}", headers=anna).status_code == 204
        eventually(lambda: not there(gone))
        assert there(kept)


def test_as_an_application_of_the_agentcore_sdk_it_remembers_too(tmp_path: Path) -> None:
    with openai_server_in_a_thread() as model:
        more = {"OPENAI_BASE_URL": model.url, "OPENAI_API_KEY": "none"}
        with assistant(tmp_path, "agent.py", **more) as (house, cloud), house.client() as client:
            anna = house.bearer(0)
            first = chat(client, "a first question", anna)
            assert first["response"].strip() == "The server heard: a first question"
            chat(client, "a second question", anna, first["session_id"])
            said = [message["content"] for message in model.requests[-1]["messages"]]
            assert said[1:] == ["a first question", "The server heard: a first question ", "a second question"]
            (session,) = remembered(house)
            assert list(talks(cloud, "talks-agent.py")) == [(session["actorId"], session["sessionId"])]
            assert len(session["actorId"]) == 32
