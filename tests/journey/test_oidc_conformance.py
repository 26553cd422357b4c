"""A relying party that knows nothing but the issuer's URL, against the embedded sign-in over real HTTP: discovery,
code with PKCE, ID token, userInfo, refresh, revocation, single sign-on, sign-out (OIDC Core, RFC 6749, 7009, 9207)."""

import asyncio
import json
import shutil
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from doorward.http.protocol import strict_protocol
from doorward.http.server import make_server
from tests.journey.other_issuer import installed
from tests.unit.sign_in.real_door import real_world
from tests.unit.sign_in.world import CALLBACK, PASSWORD, Page, Pkce, World, add_user_one

pytestmark = pytest.mark.anyio
PEER = Path(__file__).with_name("relying_party.mjs")
BYE = "http://127.0.0.1:9999/bye"


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[World]:
    """The embedded sign-in on a free port, with today's time."""
    listening = socket.create_server(("127.0.0.1", 0))
    issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with real_world(folder, issuer=issuer) as world:
        world.now = time.time()
        await add_user_one(world)
        server = make_server(world.door, protocol=strict_protocol(), grace=1.0)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield world
        finally:
            server.stop()
            async with asyncio.timeout(10):
                await serving


async def discovered(http: httpx2.AsyncClient, issuer: str) -> dict:
    document = (await http.get(f"{issuer}/.well-known/openid-configuration")).json()
    assert document["issuer"] == issuer
    return document


def request_for(pkce: Pkce, **more: str) -> dict[str, str]:
    return {
        "response_type": "code",
        "client_id": "page",
        "redirect_uri": CALLBACK,
        "scope": "openid email",
        "state": "a state",
        "nonce": "a nonce",
        "code_challenge": pkce.challenge,
        "code_challenge_method": "S256",
        **more,
    }


def answered(response: httpx2.Response, issuer: str) -> str:
    assert response.headers["location"].startswith(f"{CALLBACK}?")
    answer = {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}
    assert (answer["state"], answer["iss"]) == ("a state", issuer)
    return answer["code"]


async def test_a_relying_party_goes_the_whole_way(tmp_path: Path) -> None:
    async with served(tmp_path) as world, httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        at = await discovered(http, world.issuer)
        pkce = Pkce()
        page = await http.get(at["authorization_endpoint"], params=request_for(pkce))
        form = Page(page.text)
        filled = {**form.fields, "username": "user-one", "password": PASSWORD}
        sent = await http.post(urljoin(str(page.url), form.action), data=filled, headers={"origin": world.issuer})
        grant = {"grant_type": "authorization_code", "code": answered(sent, world.issuer), "redirect_uri": CALLBACK}
        grant |= {"client_id": "page", "code_verifier": pkce.verifier}
        tokens = (await http.post(at["token_endpoint"], data=grant)).json()

        keys = KeySet.import_key_set((await http.get(at["jwks_uri"])).json())
        told = jwt.decode(tokens["id_token"], keys, algorithms=at["id_token_signing_alg_values_supported"])
        must = {"iss": world.issuer, "aud": "page", "nonce": "a nonce"}
        rules = {name: {"essential": True, "value": value} for name, value in must.items()}
        jwt.JWTClaimsRegistry(**rules, exp={"essential": True}).validate(told.claims)

        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        user = (await http.get(at["userinfo_endpoint"], headers=bearer)).json()
        assert user == {"sub": told.claims["sub"], "email": "one@doorward.example", "email_verified": False}

        refresh = {"grant_type": "refresh_token", "client_id": "page", "refresh_token": tokens["refresh_token"]}
        fresh = (await http.post(at["token_endpoint"], data=refresh)).json()
        await http.post(at["revocation_endpoint"], data={"client_id": "page", "token": fresh["refresh_token"]})
        ended = await http.post(at["token_endpoint"], data={**refresh, "refresh_token": fresh["refresh_token"]})
        assert (ended.status_code, ended.json()["error"]) == (400, "invalid_grant")

        silent = request_for(Pkce(), prompt="none", id_token_hint=tokens["id_token"])
        assert answered(await http.get(at["authorization_endpoint"], params=silent), world.issuer)
        leave = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BYE, "state": "x"}
        left = await http.get(at["end_session_endpoint"], params=leave)
        assert left.headers["location"] == f"{BYE}?state=x"
        refused = await http.get(at["authorization_endpoint"], params=silent)
        assert "error=login_required" in refused.headers["location"]


async def test_a_page_of_another_origin_may_call_what_a_public_client_calls(tmp_path: Path) -> None:
    async with served(tmp_path) as world, httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        at = await discovered(http, world.issuer)
        foreign = {"origin": "https://page.example"}
        for name in ("token_endpoint", "revocation_endpoint", "userinfo_endpoint", "jwks_uri"):
            method = "GET" if name in ("jwks_uri", "userinfo_endpoint") else "POST"
            asked = {**foreign, "access-control-request-method": method}
            preflight = await http.options(at[name], headers=asked)
            assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*"), name
            answer = await http.request(method, at[name], headers=foreign)
            assert answer.headers["access-control-allow-origin"] == "*", name
            assert "access-control-allow-credentials" not in answer.headers
        form = await http.post(at["authorization_endpoint"], headers=foreign, data=request_for(Pkce()))
        assert form.status_code == 403


async def test_openid_client_goes_the_whole_way(tmp_path: Path) -> None:
    """The library openid-client, which nobody here wrote."""
    modules = str(await asyncio.to_thread(installed) / "node_modules")
    node = shutil.which("node")
    assert node, "node is needed: run tests/install-programs.sh"
    async with served(tmp_path) as world:
        given = json.dumps({"issuer": world.issuer, "password": PASSWORD, "callback": CALLBACK, "modules": modules})
        process = await asyncio.create_subprocess_exec(
            node, str(PEER), given, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(30):
            output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        assert json.loads(output) == {"email": "one@doorward.example", "rotated": True, "after_revoke": "invalid_grant"}
