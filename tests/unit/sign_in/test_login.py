"""The sign-in page and the authorize endpoint."""

import pytest
from tests.unit.sign_in.world import CALLBACK, PASSWORD, Page, answer, make_world

pytestmark = pytest.mark.anyio


async def test_signing_in_answers_the_client_with_code_state_and_issuer() -> None:
    world = await make_world()
    params = answer(await world.browser().sign_in())
    assert set(params) == {"code", "state", "iss"}
    assert params["state"] == "st&te"
    assert params["iss"] == world.issuer


async def test_the_username_is_taken_in_any_case() -> None:
    world = await make_world()
    assert "code" in answer(await world.browser().sign_in(username="User-One"))


async def test_a_signed_in_browser_goes_straight_on_to_another_client() -> None:
    world = await make_world()
    browser = world.browser()
    await browser.sign_in()
    response = await browser.authorize(client_id="other", redirect_uri="http://127.0.0.1:9999/other")
    assert response.headers["location"].startswith("http://127.0.0.1:9999/other?code=")
    assert world.codes()[-1] == "sign_in allow session"


@pytest.mark.parametrize("changed", [{"prompt": "login"}, {"prompt": "select_account"}, {"max_age": "10"}])
async def test_a_client_can_ask_for_a_fresh_sign_in(changed: dict[str, str]) -> None:
    world = await make_world()
    browser = world.browser()
    await browser.sign_in()
    world.now += 11
    page = await browser.authorize(**changed)
    assert page.status_code == 200
    assert "code" in answer(await browser.fill(page, username="user-one", password=PASSWORD))


async def test_prompt_none_says_login_required_when_nobody_is_signed_in() -> None:
    world = await make_world()
    assert answer(await world.browser().authorize(prompt="none"))["error"] == "login_required"


async def test_a_hint_at_another_user_is_not_answered_with_this_one() -> None:
    world = await make_world()
    await world.accounts.add("user-two", PASSWORD)
    first, second = world.browser(), world.browser()
    hint = (await first.tokens())["id_token"]
    await second.sign_in(username="user-two")
    assert answer(await second.authorize(prompt="none", id_token_hint=hint))["error"] == "login_required"
    assert "code" in answer(await first.authorize(prompt="none", id_token_hint=hint))


async def test_a_session_ends_with_its_time_with_the_account_and_with_the_password() -> None:
    world = await make_world(session_ttl=100.0)
    browser = world.browser()
    await browser.sign_in()
    world.now += 101
    assert (await browser.authorize()).status_code == 200
    await browser.sign_in()
    await world.accounts.set_password("user-one", "another long one")
    assert (await browser.authorize()).status_code == 200
    await browser.sign_in(password="another long one")
    await world.accounts.disable("user-one")
    assert (await browser.authorize()).status_code == 200


async def test_a_wrong_password_shows_the_page_again_without_what_was_typed() -> None:
    world = await make_world()
    response = await world.browser().sign_in(username="my-secret-typed-here", password="wrong-one-typed")
    assert response.status_code == 403
    assert "The user name or the password is wrong." in response.text
    assert "typed" not in response.text


async def test_a_sign_in_that_found_no_room_says_when_to_come_back_and_counts_for_nothing() -> None:
    world = await make_world(attempts=1)
    room, world.passwords._room = world.passwords._room, 0
    busy = await world.browser().sign_in()
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "2")
    world.passwords._room = room
    assert "code" in answer(await world.browser().sign_in())


async def test_the_page_has_no_script_and_the_headers_that_keep_it_alone() -> None:
    world = await make_world()
    page = await world.browser().authorize()
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:9999" in policy
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    assert "script" not in Page(page.text).tags
    assert (await world.browser().http.get("/sign-in.css")).headers["content-type"].startswith("text/css")


async def test_what_a_client_sends_is_escaped_on_the_page() -> None:
    world = await make_world()
    page = await world.browser().authorize(state='"><script>x</script>', login_hint='"><img src=x>')
    assert not {"script", "img"} & Page(page.text).tags
    assert Page(page.text).fields["state"] == '"><script>x</script>'
    assert Page(page.text).fields["username"] == '"><img src=x>'


async def test_an_authorization_request_may_also_come_by_post() -> None:
    world = await make_world()
    browser = world.browser()
    page = await browser.http.post("/oauth2/authorize", data=browser.ask())
    assert page.status_code == 200
    assert "code" in answer(await browser.fill(page, username="user-one", password=PASSWORD))


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"request": "x.y.z"}, "request_not_supported"),
        ({"request_uri": "https://x.example/"}, "request_uri_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "²"}, "invalid_request"),
    ],
)
async def test_a_request_that_cannot_be_served_is_answered_at_the_client(changed: dict, error: str) -> None:
    world = await make_world()
    params = answer(await world.browser().authorize(**changed))
    assert params["error"] == error
    assert params["state"] == "st&te"
    assert params["iss"] == world.issuer


async def test_a_redirect_uri_with_a_query_keeps_it() -> None:
    world = await make_world()
    response = await world.browser().sign_in(client_id="query", redirect_uri=f"{CALLBACK}?tenant=a")
    params = answer(response)
    assert params["tenant"] == "a"
    assert "code" in params


async def test_each_verdict_is_in_the_ledger_and_names_no_one_who_failed() -> None:
    world = await make_world()
    await world.browser().sign_in(username="my-password-by-mistake", password="x")
    await world.browser().sign_in()
    assert world.codes() == ["sign_in deny wrong_credentials", "sign_in allow password"]
    denied, allowed = world.ledger.kept
    assert (denied.door, denied.principal, denied.resource) == ("sign_in", "", "page")
    assert allowed.principal == (await world.accounts.list())[0].subject
    assert "by-mistake" not in str(world.ledger.kept)
