"""boto3, as it is, against our agent door."""

import asyncio
import functools

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.unit.agent_door.doors import ARN, CHAT, SESSION, served, world

from doorward.errors import AgentFailed, Conflict

pytestmark = pytest.mark.anyio


def aws(url: str, secret: str = CHAT.secret.reveal()):
    return boto3.client(
        "bedrock-agentcore",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=CHAT.key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"mode": "standard", "max_attempts": 3}),
    )


async def in_thread(method, **arguments):
    async with asyncio.timeout(30):
        return await asyncio.to_thread(functools.partial(method, **arguments))


async def test_boto3_invokes_the_agent_by_its_arn(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url:
        client = await asyncio.to_thread(aws, url)
        house.runtime.answer = [b'{"response":', b'"hi"}']

        got = await in_thread(
            client.invoke_agent_runtime,
            agentRuntimeArn=ARN,
            runtimeSessionId=SESSION,
            payload=b'{"prompt":"hi"}',
            qualifier="DEFAULT",
            contentType="application/json",
            accept="application/json",
        )

        assert await asyncio.to_thread(got["response"].read) == b'{"response":"hi"}'
        assert (got["statusCode"], got["runtimeSessionId"], got["contentType"]) == (200, SESSION, "application/json")
        assert house.runtime.runs[0][2].accept == "application/json"
        client.close()


async def test_boto3_invokes_by_id_and_account_in_a_session_of_its_own(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url:
        client = await asyncio.to_thread(aws, url)
        sessions = set()
        for _ in range(3):  # equal calls: the session id that boto3 makes tells them apart
            got = await in_thread(
                client.invoke_agent_runtime, agentRuntimeArn="hello", accountId="000000000000", payload=b"{}"
            )
            await asyncio.to_thread(got["response"].read)
            sessions.add(got["runtimeSessionId"])

        assert len(sessions) == len(house.runtime.runs) == 3
        client.close()


async def test_boto3_stops_a_session(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url:
        client = await asyncio.to_thread(aws, url)

        got = await in_thread(
            client.stop_runtime_session, agentRuntimeArn=ARN, runtimeSessionId=SESSION, qualifier="DEFAULT"
        )

        assert (got["statusCode"], got["runtimeSessionId"]) == (200, SESSION)
        assert len(house.runtime.stops) == 1
        client.close()


@pytest.mark.parametrize(
    ("error", "kind"),
    [(AgentFailed("It failed."), "RuntimeClientError"), (Conflict("Busy."), "ConflictException")],
)
async def test_boto3_knows_our_errors_and_does_not_run_the_agent_again(tmp_path, error, kind):
    async with world(tmp_path) as house, served(house.workload_door()) as url:
        client = await asyncio.to_thread(aws, url)
        house.runtime.error = error

        with pytest.raises(ClientError) as caught:
            await in_thread(client.invoke_agent_runtime, agentRuntimeArn=ARN, payload=b"{}")

        assert caught.value.response["Error"]["Code"] == kind
        assert caught.value.response["Error"]["Message"] == error.message
        assert len(house.runtime.runs) == 1
        client.close()


async def test_boto3_with_a_wrong_secret_is_denied(tmp_path):
    async with world(tmp_path) as house, served(house.workload_door()) as url:
        client = await asyncio.to_thread(aws, url, "not the secret")

        with pytest.raises(client.exceptions.AccessDeniedException):
            await in_thread(client.invoke_agent_runtime, agentRuntimeArn=ARN, payload=b"{}")

        assert house.runtime.runs == []
        client.close()
