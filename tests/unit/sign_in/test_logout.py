"""Signing out."""

import pytest
from tests.unit.sign_in.stores import MemorySignedOut
from tests.unit.sign_in.world import make_world

pytestmark = pytest.mark.anyio
BYE = "http://127.0.0.1:9999/bye"


async def test_signing_out_in_cognitos_way() -> None:
    world = await make_world()
    browser = world.browser()
    await browser.sign_in()
    response = await browser.http.get("/logout", params={"client_id": "page", "logout_uri": BYE})
    assert response.headers["location"] == BYE
    assert (await browser.authorize()).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_signing_out_in_oidcs_way_also_with_an_old_id_token(method: str) -> None:
    world = await make_world()
    browser = world.browser()
    hint = (await browser.tokens())["id_token"]
    world.now += 7200
    params = {"id_token_hint": hint, "post_logout_redirect_uri": BYE, "state": "a&b"}
    response = await browser.http.request(method, "/logout", **{"params" if method == "GET" else "data": params})
    assert response.headers["location"] == f"{BYE}?state=a%26b"
    assert (await browser.authorize()).status_code == 200


async def test_when_every_session_was_ended_each_browser_is_asked_for_the_password_again() -> None:
    """AP-OAU-05: also one that was taken away from its owner."""
    world = await make_world()
    browser, later = world.browser(), world.browser()
    await browser.sign_in()
    assert (await browser.authorize()).status_code == 303
    signed_out = world.parts.signed_out
    assert isinstance(signed_out, MemorySignedOut)
    signed_out.all_ended[(await world.accounts.list())[0].subject] = world.now
    assert (await browser.authorize()).status_code == 200
    world.now += 1
    await later.sign_in()
    assert (await later.authorize()).status_code == 303


async def test_without_a_place_to_go_a_page_says_that_one_is_signed_out() -> None:
    world = await make_world()
    browser = world.browser()
    await browser.sign_in()
    response = await browser.http.get("/logout")
    assert response.status_code == 200
    assert "Signed out" in response.text
    assert world.codes()[-1] == "sign_out allow allowed"
    assert world.ledger.kept[-1].principal == (await world.accounts.list())[0].subject


async def test_a_hint_of_one_client_does_not_serve_another() -> None:
    world = await make_world()
    browser = world.browser()
    hint = (await browser.tokens())["id_token"]
    params = {"id_token_hint": hint, "client_id": "other", "post_logout_redirect_uri": BYE}
    assert (await browser.http.get("/logout", params=params)).status_code == 400


async def test_an_access_token_or_a_forged_one_is_no_hint() -> None:
    world = await make_world()
    browser = world.browser()
    for hint in ((await browser.tokens())["access_token"], "a.b.c"):
        params = {"id_token_hint": hint, "post_logout_redirect_uri": BYE}
        assert (await browser.http.get("/logout", params=params)).status_code == 400
