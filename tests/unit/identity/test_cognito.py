"""Tokens of a Cognito user pool that nobody here wrote: moto's, with its discovery and key set, over HTTP."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import boto3
import pytest
from moto.server import ThreadedMotoServer

from doorward.errors import Unauthenticated
from doorward.identity.claims import TokenRules
from doorward.identity.discovery import Fetch
from doorward.identity.fetch import HttpFetch
from doorward.identity.keys_source import HttpKeySource, KeyAges
from doorward.identity.tokens import IdTokenVerifier, UserTokenVerifier

pytestmark = pytest.mark.anyio

AWS = "https://cognito-idp.us-east-1.amazonaws.com"
PASSWORD = "Correct-horse-7"


@pytest.fixture(scope="module")
def pool_url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture(scope="module")
def signed_in(pool_url: str) -> dict[str, Any]:
    """A user of group `operator`, signed in: pool, client and both tokens."""
    cognito = boto3.client(
        "cognito-idp",
        region_name="us-east-1",
        endpoint_url=pool_url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    pool = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="web", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    cognito.admin_create_user(UserPoolId=pool, Username="ada")
    cognito.admin_set_user_password(UserPoolId=pool, Username="ada", Password=PASSWORD, Permanent=True)
    cognito.create_group(UserPoolId=pool, GroupName="operator")
    cognito.admin_add_user_to_group(UserPoolId=pool, Username="ada", GroupName="operator")
    tokens = cognito.admin_initiate_auth(
        UserPoolId=pool,
        ClientId=client,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    cognito.close()
    return {"pool": pool, "client": client, "access": tokens["AccessToken"], "id": tokens["IdToken"]}


def through_tls(session: aiohttp.ClientSession, pool_url: str) -> Fetch:
    """The pool under its real name, as if TLS stood before it."""
    fetch = HttpFetch(session)

    async def fetch_from_pool(url: str) -> bytes:
        assert url.startswith(f"{AWS}/")
        return (await fetch(url.replace(AWS, pool_url))).replace(pool_url.encode(), AWS.encode())

    return fetch_from_pool


async def test_a_pools_access_token_names_its_user_and_its_id_token_does_not_unless_asked(
    pool_url: str, signed_in: dict[str, Any]
) -> None:
    issuer, client = f"{AWS}/{signed_in['pool']}", frozenset({signed_in["client"]})
    rules = TokenRules(issuer=issuer, audience="", clients=client, style="cognito")
    compatible = TokenRules(issuer=issuer, audience="", clients=client, style="cognito", id_tokens=True)
    stranger = TokenRules(issuer=issuer, audience="", clients=frozenset({"stranger"}), style="cognito", id_tokens=True)
    async with asyncio.timeout(20), aiohttp.ClientSession() as session:
        keys = HttpKeySource(issuer, through_tls(session, pool_url), KeyAges(), time.time)
        user = await UserTokenVerifier(rules, keys, time.time).verify(signed_in["access"])
        assert (user.username, user.roles) == ("ada", {"operator"})
        with pytest.raises(Unauthenticated) as caught:
            await UserTokenVerifier(rules, keys, time.time).verify(signed_in["id"])
        assert caught.value.code == "token_type"
        by_id = await UserTokenVerifier(compatible, keys, time.time).verify(signed_in["id"])
        assert (by_id.key, by_id.username) == (user.key, "ada")
        for token in (signed_in["access"], signed_in["id"]):
            with pytest.raises(Unauthenticated):
                await UserTokenVerifier(stranger, keys, time.time).verify(token)
        claims = await IdTokenVerifier(rules, signed_in["client"], keys, time.time).claims(signed_in["id"])
        assert claims["sub"] == user.subject
