"""Attacks on the embedded sign-in, from outside: what a stranger, a foreign page or a thief of a code can send."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.unit.sign_in.real_door import real_world
from tests.unit.sign_in.world import CALLBACK, PASSWORD, Page, Pkce, World, add_user_one, answer

pytestmark = pytest.mark.anyio
MakeWorld = Callable[..., Awaitable[World]]


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    """Makes a sign-in behind the real front door, on the real store, with the account ``user-one``."""
    with ExitStack() as stack:

        async def make(**settings: object) -> World:
            world = stack.enter_context(real_world(tmp_path, **settings))
            await add_user_one(world)
            return world

        yield make


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge": ""},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge_method": ""},
        {"code_challenge": "short"},
        {"code_challenge": "x" * 44},
    ],
)
async def test_no_code_without_pkce_s256(make_world: MakeWorld, changed: dict[str, str | None]) -> None:
    """AP-OAU-01"""
    world = await make_world()
    browser = world.browser()
    await browser.sign_in()  # also not for somebody who is signed in
    assert answer(await browser.authorize(**changed))["error"] == "invalid_request"
    assert len(world.grants.codes) == 1


@pytest.mark.parametrize("verifier", [None, "", "a" * 42, "a" * 129, "CHALLENGE", "x" * 43, "ä" * 43])
async def test_a_code_is_worth_nothing_without_its_verifier(make_world: MakeWorld, verifier: str | None) -> None:
    """AP-OAU-01"""
    world = await make_world()
    browser = world.browser()
    code = await browser.code()
    sent = browser.pkce.challenge if verifier == "CHALLENGE" else verifier
    assert (await browser.redeem(code, code_verifier=sent)).json()["error"] == "invalid_grant"
    assert (await browser.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_client_that_may_go_without_pkce_cannot_be_talked_out_of_it(make_world: MakeWorld) -> None:
    """AP-OAU-01: a verifier without a challenge means that somebody took the challenge out."""
    world = await make_world()
    browser = world.browser()
    none = {"code_challenge": None, "code_challenge_method": None}
    secret = {"client_id": "private", "client_secret": "s3cret/with+signs"}
    code = await browser.code(client_id="private", **none)
    assert (await browser.redeem(code, **secret)).json()["error"] == "invalid_grant"
    for broken in ({"code_challenge_method": "plain"}, {"code_challenge": None}, {"code_challenge_method": None}):
        page = await browser.authorize(client_id="private", **broken)
        assert answer(page)["error"] == "invalid_request"


async def test_a_replayed_code_is_refused_and_revokes_what_it_gave(make_world: MakeWorld) -> None:
    """AP-OAU-02"""
    world = await make_world()
    browser = world.browser()
    code = await browser.code()
    tokens = (await browser.redeem(code)).json()
    refused = await browser.redeem(code)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await browser.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert "token deny code_unknown_or_used" in world.codes()


async def test_of_many_at_once_one_redeems(make_world: MakeWorld) -> None:
    """AP-OAU-02"""
    world = await make_world()
    browser = world.browser()
    code = await browser.code()
    answers = await asyncio.gather(*(browser.redeem(code) for _ in range(8)))
    assert sorted(item.status_code for item in answers) == [200] + [400] * 7


async def test_a_code_is_old_after_a_minute(make_world: MakeWorld) -> None:
    """AP-OAU-02"""
    world = await make_world()
    browser = world.browser()
    code = await browser.code()
    world.now += 60
    assert (await browser.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_code_of_one_client_is_worth_nothing_to_another_and_is_not_used_up(make_world: MakeWorld) -> None:
    """AP-OAU-02"""
    world = await make_world()
    browser = world.browser()
    code = await browser.code()
    assert (await browser.redeem(code, client_id="other")).json()["error"] == "invalid_grant"
    assert (await browser.redeem(code)).status_code == 200


async def test_the_store_has_no_code_no_token_and_no_password_in_the_clear(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    """AP-OAU-02"""
    world = await make_world()
    browser = world.browser()
    code = await browser.code()
    tokens = (await browser.redeem(code)).json()
    await browser.sign_in(username="typed-in-the-wrong-field", password="typed-too", prompt="login")
    kept = everything_in(tmp_path)
    assert world.grants.codes[0].encode() in kept
    for secret in (code, tokens["refresh_token"], tokens["access_token"], PASSWORD, "typed-"):
        assert secret.encode() not in kept


TRICKS = [
    "",
    "/callback",
    "//evil.example/callback",
    "/\\evil.example",
    "https://evil.example/callback",
    f"{CALLBACK}/",
    f"{CALLBACK}?x=1",
    f"{CALLBACK}#x",
    f"{CALLBACK}/../evil",
    f"{CALLBACK}%20",
    f"{CALLBACK}\t",
    f" {CALLBACK}",
    CALLBACK.upper(),
    CALLBACK.replace("9999", "9998"),
    CALLBACK.replace("127.0.0.1", "localhost"),
    CALLBACK.replace("http:", "https:"),
    CALLBACK.replace("127.0.0.1", "127.0.0.1@evil.example"),
    f"{CALLBACK};/evil",
    f"{CALLBACK}\r\nset-cookie: a=b",
    "http://127.0.0.1:9999/other",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("uri", [*TRICKS, None])
async def test_no_redirect_to_what_is_not_registered(make_world: MakeWorld, uri: str | None) -> None:
    """AP-OAU-03"""
    world = await make_world()
    browser = world.browser()
    await browser.sign_in()
    for more in ({}, {"response_type": "token"}, {"prompt": "none"}, {"scope": "x"}):
        response = await browser.authorize(redirect_uri=uri, **more)
        assert response.status_code == 400
        assert "location" not in response.headers
        assert "evil" not in response.text
    assert len(world.grants.codes) == 1


@pytest.mark.parametrize("uri", TRICKS[1:])
async def test_no_redirect_after_signing_out_to_what_is_not_registered(make_world: MakeWorld, uri: str) -> None:
    """AP-OAU-03: the callback of a sign-in is no place to go after signing out either."""
    world = await make_world()
    for name in ("logout_uri", "post_logout_redirect_uri"):
        response = await world.browser().http.get("/logout", params={"client_id": "page", name: uri})
        assert response.status_code == 400
        assert "location" not in response.headers


async def test_a_redirect_uri_changed_in_the_form_is_refused(make_world: MakeWorld) -> None:
    """AP-OAU-03"""
    world = await make_world()
    browser = world.browser()
    page = await browser.authorize()
    sent = await browser.fill(page, username="user-one", password=PASSWORD, redirect_uri="https://evil.example/")
    assert sent.status_code == 400
    assert world.grants.codes == []


async def test_a_code_is_bound_to_its_redirect_uri_at_the_token_endpoint_too(make_world: MakeWorld) -> None:
    """AP-OAU-03"""
    world = await make_world()
    browser = world.browser()
    code = await browser.code()
    assert (await browser.redeem(code, redirect_uri="https://evil.example/")).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("field", ["state", "nonce", "code_challenge", "scope"])
async def test_the_parameters_in_the_form_cannot_be_exchanged(make_world: MakeWorld, field: str) -> None:
    """AP-OAU-05: the form's token is bound to this very request."""
    world = await make_world()
    browser = world.browser()
    page = await browser.authorize()
    other = {"state": "x", "nonce": "x", "code_challenge": Pkce().challenge, "scope": "openid"}
    sent = await browser.fill(page, username="user-one", password=PASSWORD, **{field: other[field]})
    assert sent.status_code == 403
    assert world.grants.codes == []


async def test_a_form_planted_in_another_browser_signs_nobody_in(make_world: MakeWorld) -> None:
    """AP-OAU-05: login CSRF and fixation. The stranger's own form, sent by the victim's browser."""
    world = await make_world()
    stranger, victim = world.browser(), world.browser()
    page = await stranger.authorize()
    await victim.authorize()
    sent = await victim.fill(page, username="user-one", password=PASSWORD)
    assert sent.status_code == 403
    assert "location" not in sent.headers
    assert len(world.hasher.verified) == 0


@pytest.mark.parametrize("token", [None, "", "x", "9999999999.x", "²²².x", "1.2.3"])
async def test_a_form_without_its_token_is_refused(make_world: MakeWorld, token: str | None) -> None:
    """AP-OAU-05"""
    world = await make_world()
    browser = world.browser()
    fields = Page((await browser.authorize()).text).fields | {"username": "user-one", "password": PASSWORD}
    fields.pop("csrf")
    sent = await browser.http.post("/oauth2/authorize", data=fields | ({} if token is None else {"csrf": token}))
    assert sent.status_code == 403
    assert world.grants.codes == []


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_form_that_comes_from_a_foreign_page_is_refused(make_world: MakeWorld, headers: dict[str, str]) -> None:
    """AP-OAU-05"""
    world = await make_world()
    browser = world.browser()
    fields = Page((await browser.authorize()).text).fields | {"username": "user-one", "password": PASSWORD}
    sent = await browser.http.post("/oauth2/authorize", data=fields, headers=headers)
    assert sent.status_code == 403
    assert world.grants.codes == []
    ours = {"origin": world.issuer, "sec-fetch-site": "same-origin"}
    assert "code" in answer(await browser.http.post("/oauth2/authorize", data=fields, headers=ours))


async def test_an_old_form_is_refused(make_world: MakeWorld) -> None:
    """AP-OAU-05"""
    world = await make_world()
    browser = world.browser()
    page = await browser.authorize()
    world.now += 3601
    assert (await browser.fill(page, username="user-one", password=PASSWORD)).status_code == 403


async def test_cookies_are_locked_to_the_host_and_out_of_reach_of_scripts(make_world: MakeWorld) -> None:
    """AP-OAU-05"""
    world = await make_world(issuer="https://door.example")
    browser = world.browser()
    page = await browser.authorize()
    sent = await browser.fill(page, username="user-one", password=PASSWORD)
    cookies = [*page.headers.get_list("set-cookie"), *sent.headers.get_list("set-cookie")]
    assert len(cookies) == 3
    for cookie in cookies:
        assert cookie.startswith("__Host-doorward-sign-in")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "Domain" not in cookie


async def test_the_session_is_a_new_one_after_each_sign_in_and_the_old_one_ends(make_world: MakeWorld) -> None:
    """AP-OAU-05"""
    world = await make_world()
    browser = world.browser()
    await browser.sign_in()
    before = browser.http.cookies["doorward-sign-in"]
    await browser.sign_in(prompt="login")
    assert browser.http.cookies["doorward-sign-in"] != before
    assert not await _opens(world, before)


async def test_a_session_that_signed_out_is_refused_at_once_also_from_a_copy(make_world: MakeWorld) -> None:
    """AP-OAU-06"""
    world = await make_world()
    browser = world.browser()
    await browser.sign_in()
    copy = browser.http.cookies["doorward-sign-in"]
    assert await _opens(world, copy)
    await browser.http.get("/logout")
    assert not await _opens(world, copy)
    world.restart()
    assert not await _opens(world, copy)


async def test_a_session_cookie_with_any_change_or_tossed_in_twice_is_refused(make_world: MakeWorld) -> None:
    """AP-OAU-05"""
    world = await make_world()
    browser = world.browser()
    await browser.sign_in()
    good = browser.http.cookies["doorward-sign-in"]
    payload, _, mac = good.partition(".")
    for bad in (payload, f"{payload}.", f".{mac}", f"{payload}A.{mac}", f"{payload[1:]}.{mac}", good[:-2], "ä", ""):
        assert not await _opens(world, bad)
    assert not await _opens(world, f"{good}; doorward-sign-in={good}")


async def test_a_refresh_token_used_twice_revokes_the_whole_family(make_world: MakeWorld) -> None:
    """AP-OAU-06"""
    world = await make_world()
    browser = world.browser()
    first = (await browser.tokens())["refresh_token"]
    second = (await browser.refresh(first)).json()["refresh_token"]
    assert (await browser.refresh(first)).json()["error"] == "invalid_grant"
    assert (await browser.refresh(second)).json()["error"] == "invalid_grant"


async def test_a_refresh_token_of_one_client_is_worth_nothing_to_another(make_world: MakeWorld) -> None:
    """AP-OAU-06"""
    world = await make_world()
    browser = world.browser()
    token = (await browser.tokens())["refresh_token"]
    assert (await browser.refresh(token, client_id="other")).json()["error"] == "invalid_grant"
    assert (await browser.refresh(token)).status_code == 200


async def test_the_same_work_is_done_for_users_that_do_not_exist(make_world: MakeWorld) -> None:
    """User enumeration by time: one verification with the same parameters, and the same answer, for each failure."""
    world = await make_world()
    await world.accounts.add("user-off", PASSWORD)
    await world.accounts.disable("user-off")
    answers = set()
    for username, password in [
        ("user-one", "wrong"),
        ("nobody", "wrong"),
        ("user-off", PASSWORD),
        ("not a name!", "wrong"),
        ("user-one", "x" * 5000),
        ("user-one", ""),
    ]:
        response = await world.browser().sign_in(username=username, password=password)
        text = response.text.replace(Page(response.text).fields["csrf"], "").replace(
            Page(response.text).fields["code_challenge"], ""
        )
        answers.add((response.status_code, text, tuple(sorted(response.headers))))
    assert len(answers) == 1
    assert len(world.hasher.verified) == 6
    assert len({encoded.split("$")[3] for encoded in world.hasher.verified}) == 1


async def test_guessing_ends_after_some_attempts_and_says_when_to_come_back(make_world: MakeWorld) -> None:
    """Guessing, and that a stranger cannot lock the user out elsewhere."""
    world = await make_world(attempts=3, attempts_window=300.0)
    stranger = world.browser("203.0.113.9")
    for _ in range(3):
        assert (await stranger.sign_in(password="wrong")).status_code == 403
    work = len(world.hasher.verified)
    stopped = await stranger.sign_in()
    assert stopped.status_code == 429
    assert 0 < int(stopped.headers["retry-after"]) <= 300
    assert len(world.hasher.verified) == work
    assert "code" in answer(await world.browser().sign_in())
    world.now += 300
    assert "code" in answer(await stranger.sign_in())


async def test_a_limit_says_nothing_about_whether_the_user_exists(make_world: MakeWorld) -> None:
    """User enumeration by limits."""
    world = await make_world(attempts=2)
    for username in ("user-one", "nobody"):
        browser = world.browser(f"203.0.113.{len(username)}")
        statuses = [(await browser.sign_in(username=username, password="wrong")).status_code for _ in range(3)]
        assert statuses == [403, 403, 429]


@pytest.mark.parametrize("body", ["grant_type=refresh_token&grant_type=password", "x=1", "code=a&code=b"])
async def test_fields_that_are_unknown_or_come_twice_are_refused(make_world: MakeWorld, body: str) -> None:
    world = await make_world()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = await world.browser().http.post("/oauth2/token", content=body, headers=headers)
    assert response.status_code == 400


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def _opens(world: World, cookie: str) -> bool:
    browser = world.browser()
    headers = {"cookie": b"doorward-sign-in=" + cookie.encode()}
    return (await browser.http.get("/oauth2/authorize", params=browser.ask(), headers=headers)).status_code == 303
