"""Open sign-up, which is off unless it is set."""

import pytest
from tests.unit.sign_in.world import answer, make_world

pytestmark = pytest.mark.anyio


async def test_there_is_no_sign_up_unless_it_is_set() -> None:
    world = await make_world()
    browser = world.browser()
    assert (await browser.http.get("/signup")).status_code == 404
    assert (await browser.http.post("/signup")).status_code == 404
    assert "/signup" not in (await browser.authorize()).text


async def test_a_new_user_goes_on_to_the_client_that_sent_them() -> None:
    world = await make_world(open_sign_up=True)
    browser = world.browser()
    assert "/signup?" in (await browser.authorize()).text
    page = await browser.http.get("/signup", params=browser.ask())
    made = await browser.fill(page, username="newcomer", email="n@doorward.example", password="a long password")
    assert made.status_code == 303
    assert "code" in answer(await browser.http.get(made.headers["location"]))
    account = await world.accounts.check("newcomer", "a long password")
    assert account is not None
    assert account.roles == frozenset()


async def test_sign_up_alone_says_that_the_account_is_there() -> None:
    world = await make_world(open_sign_up=True)
    browser = world.browser()
    made = await browser.fill(await browser.http.get("/signup"), username="newcomer", password="a long password")
    assert made.status_code == 200
    assert "Account created" in made.text


async def test_what_does_not_fit_is_said_on_the_page() -> None:
    world = await make_world(open_sign_up=True)
    browser = world.browser()
    page = await browser.http.get("/signup")
    assert "at least 10" in (await browser.fill(page, username="newcomer", password="short")).text
    taken = await browser.fill(page, username="user-one", password="a long password")
    assert taken.status_code == 409
    assert len(await world.accounts.list()) == 1


async def test_a_form_of_another_browser_makes_no_account() -> None:
    world = await make_world(open_sign_up=True)
    page = await world.browser().http.get("/signup")
    sent = await world.browser().fill(page, username="newcomer", password="a long password")
    assert sent.status_code == 403
    assert len(await world.accounts.list()) == 1


async def test_one_address_makes_only_so_many_accounts() -> None:
    world = await make_world(open_sign_up=True, attempts=2)
    for number in range(3):
        browser = world.browser()
        page = await browser.http.get("/signup")
        made = await browser.fill(page, username=f"newcomer-{number}", password="a long password")
    assert made.status_code == 429
    assert int(made.headers["retry-after"]) > 0
