"""boto3, unmodified, as a workload at the agent door of a house that is up."""

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from tests.journey.house import House
from tests.journey.talking import Event, events_in, eventually, text_of


def aws(house: House, **other: str) -> Any:
    workload = house.ready["workload"]
    return boto3.client(
        "bedrock-agentcore",
        endpoint_url=house.ready["agent_door"],
        **{
            "region_name": workload["region"],
            "aws_access_key_id": workload["access_key_id"],
            "aws_secret_access_key": workload["secret_access_key"],
            **other,
        },
    )


@pytest.fixture
def client(house: House) -> Iterator[Any]:
    made = aws(house)
    yield made
    made.close()


def asked(house: House, prompt: str, accept: str, session: str = "") -> dict[str, Any]:
    return {
        "agentRuntimeArn": house.ready["agent_arn"],
        "runtimeSessionId": session or str(uuid.uuid4()),
        "payload": json.dumps({"prompt": prompt}).encode(),
        "qualifier": "DEFAULT",
        "contentType": "application/json",
        "accept": accept,
    }


def test_it_gets_a_whole_answer(house: House, client: Any) -> None:
    runs = house.runs()
    call = asked(house, "hello", "application/json")
    got = client.invoke_agent_runtime(**call)
    assert (got["statusCode"], got["contentType"]) == (200, "application/json")
    assert got["runtimeSessionId"] == call["runtimeSessionId"]
    assert "rehearsal" in json.loads(got["response"].read())["response"]
    assert house.runs() == runs + 1


def test_it_gets_a_stream(house: House, client: Any) -> None:
    got = client.invoke_agent_runtime(**asked(house, "please stream 30 words", "text/event-stream"))
    assert got["contentType"].startswith("text/event-stream")
    lines = (line.decode() for line in got["response"].iter_lines())
    events: list[Event] = list(events_in(lines))
    assert text_of(events) == " ".join(map(str, range(1, 31)))


def test_its_session_has_a_memory(house: House, client: Any) -> None:
    session = str(uuid.uuid4())
    answers = [
        client.invoke_agent_runtime(**asked(house, prompt, "application/json", session))["response"].read()
        for prompt in ("my name is Noor", "what is my name")
    ]
    assert b"Your name is Noor" in answers[1]


def test_it_stops_what_runs_in_a_session(house: House, client: Any) -> None:
    runs, session = house.runs(), str(uuid.uuid4())

    def wait() -> bytes:
        got = client.invoke_agent_runtime(**asked(house, "please wait 50 seconds", "text/event-stream", session))
        answer: bytes = got["response"].read()
        return answer

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        eventually(lambda: house.runs() == runs + 1)
        stopped = client.stop_runtime_session(agentRuntimeArn=house.ready["agent_arn"], runtimeSessionId=session)
        assert stopped["statusCode"] == 200
        with pytest.raises((ClientError, BotoCoreError, HTTPError)):
            waiting.result(timeout=10)
    assert house.runs() == runs + 1, "a run that was stopped is not repeated"


@pytest.mark.parametrize("wrong", ["secret", "key id"])
def test_a_wrong_key_is_refused_and_nothing_runs(house: House, wrong: str) -> None:
    runs = house.runs()
    other = {"aws_secret_access_key": "x" * 40} if wrong == "secret" else {"aws_access_key_id": "AKIAXXXXXXXXXXXXXXXX"}
    stranger = aws(house, **other)
    with pytest.raises(ClientError) as caught:
        stranger.invoke_agent_runtime(**asked(house, "hello", "application/json"))
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert house.runs() == runs
    stranger.close()


def test_an_agent_that_is_not_there_is_not_found(house: House, client: Any) -> None:
    call = asked(house, "hello", "application/json")
    with pytest.raises(ClientError) as caught:
        client.invoke_agent_runtime(**{**call, "agentRuntimeArn": f"{call['agentRuntimeArn']}-other"})
    assert caught.value.response["Error"]["Code"] in ("AccessDeniedException", "ResourceNotFoundException")
