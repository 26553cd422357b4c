"""Redeeming, refreshing, revoking; what the tokens say."""

import base64

import pytest
from tests.unit.sign_in.world import NOW, make_world

from doorward.sign_in.tokens import at_hash

pytestmark = pytest.mark.anyio


async def test_tokens_have_cognitos_claims() -> None:
    world = await make_world()
    tokens = await world.browser().tokens()
    subject = (await world.accounts.list())[0].subject
    header, access = world.keys.verify(tokens["access_token"])
    assert header["typ"] == "at+jwt"
    assert access.pop("jti")
    times = {"auth_time": int(NOW), "iat": int(NOW), "exp": int(NOW) + 3600}
    assert access == {
        "iss": world.issuer,
        "sub": subject,
        "aud": "doorward",
        "client_id": "page",
        "token_use": "access",
        "scope": "openid email profile",
        "username": "user-one",
        **times,
    }
    header, identity = world.keys.verify(tokens["id_token"])
    assert header["typ"] == "JWT"
    assert identity.pop("jti")
    assert identity == {
        "iss": world.issuer,
        "sub": subject,
        "aud": "page",
        "token_use": "id",
        "cognito:username": "user-one",
        "email": "one@doorward.example",
        "email_verified": False,
        "nonce": "n0nce",
        "at_hash": at_hash(tokens["access_token"]),
        **times,
    }
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)


async def test_roles_are_groups_in_both_tokens() -> None:
    world = await make_world()
    await world.accounts.add("operator-one", "a long password", roles=frozenset({"operator"}))
    browser = world.browser()
    response = await browser.sign_in(username="operator-one", password="a long password")
    tokens = (await browser.redeem(response.headers["location"].split("code=")[1].split("&")[0])).json()
    for name in ("access_token", "id_token"):
        assert world.keys.verify(tokens[name])[1]["cognito:groups"] == ["operator"]


async def test_without_the_scope_openid_there_is_no_id_token() -> None:
    world = await make_world()
    browser = world.browser()
    tokens = (await browser.redeem(await browser.code(scope="email"))).json()
    assert "id_token" not in tokens
    assert tokens["scope"] == "email"


async def test_answers_and_errors_are_never_cached() -> None:
    world = await make_world()
    browser = world.browser()
    for response in (await browser.redeem(await browser.code()), await browser.redeem("nothing")):
        assert response.headers["cache-control"] == "no-store"


async def test_refreshing_rotates_and_keeps_the_time_of_the_sign_in_and_the_end() -> None:
    world = await make_world()
    browser = world.browser()
    first = await browser.tokens()
    world.now += 1000
    second = (await browser.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    claims = world.keys.verify(second["id_token"])[1]
    assert (claims["auth_time"], claims["iat"]) == (int(NOW), int(NOW) + 1000)
    assert "nonce" not in claims
    ends = {token.expires_at for token in world.grants.refreshes.values()}
    assert ends == {NOW + world.parts.settings.refresh_token_ttl}


async def test_a_refresh_token_ends_with_its_time_and_with_the_account() -> None:
    world = await make_world()
    browser = world.browser()
    tokens = await browser.tokens()
    await world.accounts.disable("user-one")
    assert (await browser.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    await world.accounts.disable("user-one", disabled=False)
    tokens = await world.browser().tokens()
    world.now += world.parts.settings.refresh_token_ttl
    assert (await browser.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_new_password_ends_refresh_tokens() -> None:
    world = await make_world()
    browser = world.browser()
    tokens = await browser.tokens()
    await world.accounts.set_password("user-one", "another long one")
    assert (await browser.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_refresh_may_ask_for_less_but_never_gets_more() -> None:
    world = await make_world()
    browser = world.browser()
    tokens = (await browser.redeem(await browser.code(scope="openid"))).json()
    more = (await browser.refresh(tokens["refresh_token"], scope="openid email")).json()
    assert more["scope"] == "openid"
    assert (await browser.refresh(more["refresh_token"], scope="email")).json()["error"] == "invalid_scope"


async def test_revoking_ends_the_family_and_says_yes_to_unknown_tokens() -> None:
    world = await make_world()
    browser = world.browser()
    tokens = await browser.tokens()
    for token in (tokens["refresh_token"], "unknown"):
        assert (
            await browser.http.post("/oauth2/revoke", data={"token": token, "client_id": "page"})
        ).status_code == 200
    assert (await browser.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    refused = await browser.http.post("/oauth2/revoke", data={"token": tokens["access_token"], "client_id": "page"})
    assert refused.json()["error"] == "unsupported_token_type"


async def test_another_client_cannot_revoke() -> None:
    world = await make_world()
    browser = world.browser()
    tokens = await browser.tokens()
    await browser.http.post("/oauth2/revoke", data={"token": tokens["refresh_token"], "client_id": "other"})
    assert (await browser.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_client_with_a_secret_may_send_it_in_either_place_but_not_in_both() -> None:
    world = await make_world()
    browser = world.browser()
    secret = "s3cret/with+signs"
    basic = "Basic " + base64.b64encode(b"private:s3cret%2Fwith%2Bsigns").decode()

    async def redeem(headers: dict[str, str], **fields: str):
        code = await browser.code(client_id="private", prompt="login")
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://127.0.0.1:9999/callback"}
        form |= {"code_verifier": browser.pkce.verifier, **fields}
        return await browser.http.post("/oauth2/token", data=form, headers=headers)

    assert (await redeem({"authorization": basic})).status_code == 200
    assert (await redeem({}, client_id="private", client_secret=secret)).status_code == 200
    assert (await redeem({"authorization": basic}, client_secret=secret)).json()["error"] == "invalid_request"
    for response in (await redeem({}, client_id="private"), await redeem({}, client_id="private", client_secret="x")):
        assert response.status_code == 401
        assert response.json()["error"] == "invalid_client"
        assert "www-authenticate" not in response.headers
    wrong = await redeem({"authorization": "Basic " + base64.b64encode(b"private:x").decode()})
    assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, 'Basic realm="doorward"')


async def test_a_public_client_has_no_secret_to_send() -> None:
    world = await make_world()
    browser = world.browser()
    refused = await browser.redeem(await browser.code(), client_secret="x")
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("grant", ["password", "client_credentials", "implicit"])
async def test_other_grants_are_not_offered(grant: str) -> None:
    world = await make_world()
    response = await world.browser().token(grant_type=grant, client_id="page")
    assert response.json()["error"] == "unsupported_grant_type"


async def test_user_info_says_what_the_scope_allows() -> None:
    world = await make_world()
    browser = world.browser()
    tokens = (await browser.redeem(await browser.code(scope="openid email"))).json()
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    told = (await browser.http.get("/oauth2/userInfo", headers=bearer)).json()
    assert told == {
        "sub": (await world.accounts.list())[0].subject,
        "email": "one@doorward.example",
        "email_verified": False,
    }


@pytest.mark.parametrize(
    ("typ", "changed"),
    [
        ("JWT", {}),
        ("at+jwt", {"iss": "https://other.example"}),
        ("at+jwt", {"aud": "page"}),
        ("at+jwt", {"token_use": "id"}),
        ("at+jwt", {"exp": None}),
        ("at+jwt", {"exp": True}),
    ],
)
async def test_a_token_signed_by_us_for_something_else_is_no_access_token(typ: str, changed: dict) -> None:
    world = await make_world()
    browser = world.browser()
    claims = world.keys.verify((await browser.tokens())["access_token"])[1]
    headers = {"authorization": f"Bearer {world.keys.sign({'typ': typ}, claims | changed)}"}
    assert (await browser.http.get("/oauth2/userInfo", headers=headers)).status_code == 401


async def test_user_info_takes_no_id_token_no_old_token_and_no_disabled_user() -> None:
    world = await make_world()
    browser = world.browser()
    tokens = await browser.tokens()

    async def ask(token: str):
        return await browser.http.get("/oauth2/userInfo", headers={"authorization": f"Bearer {token}"})

    for token in (tokens["id_token"], "x.y.z", "", tokens["access_token"] + "="):
        refused = await ask(token)
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert (await ask(tokens["access_token"])).status_code == 200
    await world.accounts.disable("user-one")
    assert (await ask(tokens["access_token"])).status_code == 401
    await world.accounts.disable("user-one", disabled=False)
    world.now += 3600
    assert (await ask(tokens["access_token"])).status_code == 401
