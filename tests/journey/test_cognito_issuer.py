"""A gateway whose users come from a Cognito user pool that nobody here wrote: moto's, over HTTP.

The pool signs under its real name, which only a session with a detour can reach on this machine; all else is composed
as `doorward up` composes it.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import pytest
from moto.server import ThreadedMotoServer
from yarl import URL

from doorward.compose.gateway import GatewayHouse
from doorward.compose.house import Places
from doorward.compose.listen import with_addresses
from doorward.compose.settings import Loaded, load
from doorward.http.server import make_server
from doorward.stores.sqlite.open import open_gateway

pytestmark = pytest.mark.anyio

AWS = "https://cognito-idp.us-east-1.amazonaws.com"
PASSWORD = "Correct-horse-7"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture(scope="module")
def pool(moto: str) -> dict[str, Any]:
    """A pool with two clients, and tokens of a user of the group `operator` for each client."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    cognito = boto3.client("cognito-idp", region_name="us-east-1", endpoint_url=moto, **keys)
    name = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
    cognito.admin_create_user(UserPoolId=name, Username="ada")
    cognito.admin_set_user_password(UserPoolId=name, Username="ada", Password=PASSWORD, Permanent=True)
    cognito.create_group(UserPoolId=name, GroupName="operator")
    cognito.admin_add_user_to_group(UserPoolId=name, Username="ada", GroupName="operator")
    found: dict[str, Any] = {"pool": name}
    for client in ("web", "stranger"):
        made = cognito.create_user_pool_client(
            UserPoolId=name, ClientName=client, ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
        )
        client_id = made["UserPoolClient"]["ClientId"]
        given = cognito.initiate_auth(
            ClientId=client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD},
        )
        found[client] = {"id": client_id, **given["AuthenticationResult"]}
    cognito.close()
    return found


@asynccontextmanager
async def detour(moto: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A session for which the pool's real name leads to moto, and moto's documents name the pool's real name."""

    async def through(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        assert str(request.url).startswith(f"{AWS}/")
        request.url = URL(str(request.url).replace(AWS, moto))
        request.headers["host"] = request.url.authority
        response = await handler(request)
        body = (await response.read()).replace(moto.encode(), AWS.encode())
        response.content = aiohttp.StreamReader(response._protocol, 2**16, loop=asyncio.get_running_loop())
        response.content.feed_data(body)
        response.content.feed_eof()
        return response

    async with aiohttp.ClientSession(middlewares=(through,)) as session:
        yield session


@asynccontextmanager
async def front_door(folder: Path, moto: str, pool: dict[str, Any], **options: Any) -> AsyncIterator[str]:
    """The URL of a gateway for the pool's users."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    chosen = {
        "data": str(folder / "data"),
        "sign_in.issuer": f"{AWS}/{pool['pool']}",
        "sign_in.client_id": pool["web"]["id"],
        "sign_in.token_style": "cognito",
        **options,
    }
    settings = with_addresses(load(environ={}, options=chosen).settings, gateway_port=port, agent_port=1)
    stores = open_gateway(Places(settings).gateway_store)
    async with detour(moto) as session:
        house = GatewayHouse(Loaded(settings, {}), stores, session)
        server = make_server(house.door(await house.issuer_metadata()), protocol=house.protocol(), grace=1.0)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.stop()
            async with asyncio.timeout(10):
                await serving
            await house.close()
            stores.close()


async def me(url: str, authorization: str) -> tuple[int, dict[str, Any]]:
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession() as session,
        session.get(f"{url}/api/me", headers={"authorization": authorization}) as answer,
    ):
        return answer.status, await answer.json(content_type=None)


async def test_the_pools_access_token_opens_the_door_and_nothing_else_of_it_does(
    tmp_path: Path, moto: str, pool: dict[str, Any]
) -> None:
    access, identity = pool["web"]["AccessToken"], pool["web"]["IdToken"]
    async with front_door(tmp_path, moto, pool) as url:
        status, found = await me(url, f"Bearer {access}")
        assert (status, found["username"], found["roles"]) == (200, "ada", ["operator"])
        assert found["issuer"] == f"{AWS}/{pool['pool']}"
        refused = {
            f"Bearer {identity}": "token_type",
            f"Bearer {pool['stranger']['AccessToken']}": "token_audience",
            f"Bearer {pool['stranger']['IdToken']}": "token_type",
            f"Bearer {access[:-8]}AAAAAAAA": "token_signature",
        }
        for authorization, code in refused.items():
            status, problem = await me(url, authorization)
            assert (status, problem["code"]) == (401, code)
        assert (await me(url, access))[0] == 401


async def test_what_api_gateway_takes_is_taken_when_it_is_asked_for(
    tmp_path: Path, moto: str, pool: dict[str, Any]
) -> None:
    async with front_door(tmp_path, moto, pool, **{"front_door.cognito_compatible": True}) as url:
        tokens = [pool["web"][name] for name in ("AccessToken", "IdToken")]
        found = [await me(url, f"{scheme}{token}") for token in tokens for scheme in ("Bearer ", "")]
        assert [status for status, _ in found] == [200] * 4
        assert len({answer["actor_id"] for _, answer in found}) == 1
        for name in ("AccessToken", "IdToken"):
            assert (await me(url, pool["stranger"][name]))[0] == 401
