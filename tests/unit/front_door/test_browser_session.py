"""Browser sessions against the real embedded sign-in, over HTTP, with the real store."""

import hashlib
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from tests.unit.front_door.signed_in import Browser, random_session_id, signed_in_world

from doorward.errors import InvalidInput
from doorward.front_door.browser_session_cookie import CookieJar
from doorward.front_door.browser_session_pending import safe_return_to

pytestmark = pytest.mark.anyio
COOKIE = "doorward_session"


async def test_signing_in_gives_a_cookie_and_no_token(tmp_path: Path) -> None:
    async with signed_in_world(tmp_path) as world:
        browser = Browser(world)
        answer = await browser.sign_in("/api/me")
        (cookie,) = [line for line in browser.set_cookies if line.startswith(COOKIE)]
        status, me = await browser.me()
        kept = await world.stores.sessions.get(hashlib.sha256(browser.cookies[COOKIE].encode()).hexdigest())
    assert (answer.status, answer.headers["location"]) == (303, "/api/me")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert (status, me["username"], me["email"]) == (200, "user-one", "one@doorward.example")
    assert len(me["csrf_token"]) >= 43
    assert kept is not None
    assert kept.refresh_token is not None
    assert kept.access_token.reveal() not in cookie


async def test_the_request_for_a_code_carries_state_nonce_and_pkce(tmp_path: Path) -> None:
    """AP-OAU-01."""
    async with signed_in_world(tmp_path) as world:
        begun = await Browser(world).send("GET", "/session/sign-in")
        again = await Browser(world).send("GET", "/session/sign-in")
    first, second = (parse_qs(urlsplit(answer.headers["location"]).query) for answer in (begun, again))
    assert first["response_type"] == ["code"]
    assert first["code_challenge_method"] == ["S256"]
    assert first["redirect_uri"] == [f"{world.url}/session/callback"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]


async def test_a_callback_is_taken_once(tmp_path: Path) -> None:
    """AP-OAU-01: also when a copy of the cookie is sent again."""
    async with signed_in_world(tmp_path) as world:
        browser = Browser(world)
        location = await browser.to_callback()
        copy = dict(browser.cookies)
        assert (await browser.send("GET", location)).status == 303
        browser.cookies = copy
        again = await browser.send("GET", location)
    assert again.status == 403
    assert (await again.json(content_type=None))["code"] == "sign_in_state"
    assert COOKIE not in browser.cookies


async def test_a_callback_of_another_browser_is_refused(tmp_path: Path) -> None:
    """AP-OAU-05: login CSRF. The victim's browser gets the attacker's code."""
    async with signed_in_world(tmp_path) as world:
        attacker, victim = Browser(world), Browser(world)
        location = await attacker.to_callback()
        without = await victim.send("GET", location)
        await victim.send("GET", "/session/sign-in")
        with_own = await victim.send("GET", location)
    assert (without.status, with_own.status) == (403, 403)
    assert COOKIE not in victim.cookies


async def test_a_sign_in_that_took_too_long_is_refused(tmp_path: Path) -> None:
    async with signed_in_world(tmp_path) as world:
        browser = Browser(world)
        location = await browser.to_callback()
        world.ahead = 601
        answer = await browser.send("GET", location)
    assert answer.status == 403


@pytest.mark.parametrize("issuer", [None, "http://evil.test"])
async def test_an_answer_of_another_issuer_is_refused(tmp_path: Path, issuer: str | None) -> None:
    """AP-OAU-04. The embedded sign-in says that it always sends ``iss``, so leaving it out is refused too."""
    async with signed_in_world(tmp_path) as world:
        browser = Browser(world)
        location = await browser.to_callback()
        query = parse_qs(urlsplit(location).query)
        changed = {"code": query["code"][0], "state": query["state"][0]} | ({"iss": issuer} if issuer else {})
        answer = await browser.send("GET", "/session/callback", params=changed)
    assert (answer.status, (await answer.json(content_type=None))["code"]) == (401, "token_issuer")
    assert COOKIE not in browser.cookies


async def test_a_code_that_does_not_hold_signs_nobody_in(tmp_path: Path) -> None:
    """AP-OAU-02."""
    async with signed_in_world(tmp_path) as world:
        browser = Browser(world)
        query = {name: values[0] for name, values in parse_qs(urlsplit(await browser.to_callback()).query).items()}
        answer = await browser.send("GET", "/session/callback", params={**query, "code": "made-up"})
    assert answer.status == 401
    assert COOKIE not in browser.cookies


async def test_the_id_changes_at_every_sign_in_and_the_old_one_ends(tmp_path: Path) -> None:
    """AP-OAU-05: fixation."""
    async with signed_in_world(tmp_path) as world:
        browser = Browser(world)
        planted = random_session_id()
        browser.cookies[COOKIE] = planted
        await browser.sign_in()
        first = browser.cookies[COOKIE]
        await browser.sign_in()
        second = browser.cookies[COOKIE]
        browser.cookies = {COOKIE: first}
        old, _ = await browser.me()
        browser.cookies = {COOKIE: second}
        new, _ = await browser.me()
    assert len({planted, first, second}) == 3
    assert (old, new) == (401, 200)


async def test_signing_out_ends_the_session_and_revokes_the_refresh_token(tmp_path: Path) -> None:
    """AP-OAU-06."""
    async with signed_in_world(tmp_path) as world:
        browser = Browser(world)
        await browser.sign_in()
        value = browser.cookies[COOKIE]
        kept = await world.stores.sessions.get(hashlib.sha256(value.encode()).hexdigest())
        _, me = await browser.me()
        left = await browser.send("POST", "/session/sign-out", headers={"x-csrf-token": me["csrf_token"]})
        assert COOKIE not in browser.cookies
        browser.cookies[COOKIE] = value
        status, _ = await browser.me()
        refresh = {"grant_type": "refresh_token", "client_id": "doorward-web"}
        refused = await browser.send(
            "POST", "/oauth2/token", data={**refresh, "refresh_token": kept.refresh_token.reveal()}
        )
        at_issuer = await browser.send("GET", (await left.json())["redirect_to"])
    assert (left.status, status, refused.status) == (200, 401, 400)
    assert (at_issuer.status, at_issuer.headers["location"]) == (303, f"{world.url}/")


async def test_signing_out_everywhere_ends_every_browser(tmp_path: Path) -> None:
    async with signed_in_world(tmp_path) as world:
        one, other = Browser(world), Browser(world)
        await one.sign_in()
        await other.sign_in()
        _, me = await one.me()
        left = await one.send("POST", "/session/sign-out-everywhere", headers={"x-csrf-token": me["csrf_token"]})
        status, _ = await other.me()
    assert (left.status, status) == (200, 401)


@pytest.mark.parametrize("token", [None, "wrong"])
async def test_signing_out_needs_the_csrf_token(tmp_path: Path, token: str | None) -> None:
    """AP-OAU-05."""
    async with signed_in_world(tmp_path) as world:
        browser = Browser(world)
        await browser.sign_in()
        left = await browser.send("POST", "/session/sign-out", headers={"x-csrf-token": token} if token else {})
        status, _ = await browser.me()
    assert (left.status, status) == (403, 200)


async def test_a_session_ends_with_its_time(tmp_path: Path) -> None:
    async with signed_in_world(tmp_path) as world:
        browser = Browser(world)
        await browser.sign_in()
        value = f"{COOKIE}={browser.cookies[COOKIE]}"
        before = await world.sessions.find(value)
        world.ahead = 12 * 3600 + 1
        after = await world.sessions.find(value)
    assert before is not None
    assert after is None


async def test_a_user_who_is_disabled_is_signed_out(tmp_path: Path) -> None:
    """AP-SES-07."""
    async with signed_in_world(tmp_path) as world:
        browser = Browser(world)
        await browser.sign_in()
        await world.accounts().disable("user-one")
        status, _ = await browser.me()
    assert status == 401


async def test_an_access_token_near_its_end_is_refreshed_once(tmp_path: Path) -> None:
    async with signed_in_world(tmp_path) as world:
        browser = Browser(world)
        await browser.sign_in()
        await browser.send("GET", "/token")
        world.ahead = 3590
        await browser.send("GET", "/token")
        world.ahead = 0
        await browser.send("GET", "/token")
    first, second, third = world.access_tokens
    assert first != second == third


async def test_a_refresh_token_that_was_revoked_ends_the_session(tmp_path: Path) -> None:
    async with signed_in_world(tmp_path) as world:
        browser = Browser(world)
        await browser.sign_in()
        account = await world.stores.accounts.by_username("user-one")
        await world.stores.grants.revoke_subject(account.subject)
        world.ahead = 3590
        answer = await browser.send("GET", "/token")
        status, _ = await browser.me()
    assert (answer.status, status) == (401, 401)


@pytest.mark.parametrize(
    "target",
    [
        "",
        "//evil.test",
        "/\\evil.test",
        "https://evil.test",
        "javascript:alert(1)",
        "/%2f%2fevil.test",
        "/%5cevil.test",
        "/..;/evil",
        "/a/../b",
        "/.",
        "/a//b",
        "/a\n",
        "/a\tb",
        "/ /evil.test",
        "/@evil.test",
        "/x?u=http://evil.test",
        "/x?u=http%3A%2F%2fevil.test",
        "/x?u=%5Cevil",
        "/x?a=%0d%0aset-cookie:b",
        "/x?a=%00",
        "/x?a=%4",
        "evil.test",
        "/" + "a" * 600,
    ],
)
async def test_a_return_address_off_this_site_is_refused(target: str) -> None:
    """AP-OAU-03."""
    with pytest.raises(InvalidInput) as refused:
        safe_return_to(target)
    assert refused.value.code == "invalid_return_to"


@pytest.mark.parametrize("target", ["/", "/a/b-c_d.e", "/chat?id=1&x=y", "/#top", "/l?u=a+b%40c.d%C3%A4"])
async def test_a_plain_path_is_a_return_address(target: str) -> None:
    assert safe_return_to(target) == target


async def test_a_refused_return_address_begins_no_sign_in(tmp_path: Path) -> None:
    async with signed_in_world(tmp_path) as world:
        answer = await Browser(world).send("GET", "/session/sign-in?return_to=//evil.test")
        body = msgspec.json.decode(await answer.read())
    assert (answer.status, body["code"]) == (400, "invalid_return_to")


async def test_on_https_the_cookie_is_bound_to_the_host() -> None:
    """AP-OAU-05."""
    jar = CookieJar("https://door.test", secure_name="doorward", plain_name="doorward_session")
    assert jar.name == "__Host-doorward"
    assert b"; Secure" in jar.set("value", max_age=60)[1]


@pytest.mark.parametrize("header", ["", "other=1", "doorward_session=a; doorward_session=b", "doorward_session=a b"])
async def test_a_cookie_that_is_missing_doubled_or_odd_is_not_read(header: str) -> None:
    jar = CookieJar("http://127.0.0.1", secure_name="doorward", plain_name="doorward_session")
    assert jar.read(header) is None
    assert jar.read("x=1; doorward_session=abc") == "abc"
