"""The built-in page in a real browser, against a real house."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect, sync_playwright

from tests.journey.house import House, running_house

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WAIT = 20_000.0  # milliseconds


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "Chromium is needed: run tests/install-programs.sh"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield running
        running.close()


@contextmanager
def opened(browser: Browser, house: House, *, width: int = 1000, dark: bool = False) -> Iterator[Page]:
    """The page in a browser of its own. Errors on the page, and calls to foreign places, fail the test."""
    context = browser.new_context(
        viewport={"width": width, "height": 700}, color_scheme="dark" if dark else "light", base_url=house.front_door
    )
    context.set_default_timeout(WAIT)
    page = context.new_page()
    errors: list[str] = []
    asked: list[Request] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if "Content Security" in message.text else None)
    page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - it must take attributes
    page.goto("/")
    yield page
    context.close()
    homes = (house.front_door, house.ready["agent_door"])
    assert not errors
    assert not [request.url for request in asked if not request.url.startswith(homes)]


def sign_in(page: Page, house: House, user: int = 0) -> None:
    account = house.ready["users"][user]
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("User name").fill(account["username"])
    page.get_by_label("Password").fill(account["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#who")).to_have_text(account["username"], timeout=WAIT)


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("button", name="Send")).to_be_enabled(timeout=WAIT)
    expect(page.locator(".message.assistant").last).not_to_have_text("Agent (rehearsal model)", timeout=WAIT)


def test_a_person_signs_in_talks_and_finds_the_conversation_again(browser: Browser, house: House) -> None:
    with opened(browser, house) as page:
        sign_in(page, house)
        expect(page.get_by_role("note").filter(has_text="rehearsal model")).to_be_visible()
        say(page, "What time is it in UTC?")
        answer = page.locator(".message.assistant").last
        expect(answer.locator(".text").first).not_to_be_empty()
        expect(answer).to_contain_text("rehearsal model, no language model")
        expect(page.locator("#title")).to_contain_text("What time is it")
        expect(answer.locator("details.tool summary")).to_contain_text("Tool:")
        expect(page.locator("#problem")).to_be_hidden()
        page.reload()
        item = page.locator("#conversation-list button").first
        item.click()
        expect(page.locator(".message.user .text")).to_have_text("What time is it in UTC?")
        expect(page.locator(".message.assistant .text")).not_to_be_empty()


def test_a_message_is_sent_again_with_its_own_key_when_no_answer_came(browser: Browser, house: House) -> None:
    """F-18: the first request does arrive, but its answer is lost on the way back."""
    with opened(browser, house) as page:
        sign_in(page, house)
        keys: list[str] = []

        def lose_the_first_answer(route: Route) -> None:
            keys.append(route.request.headers["idempotency-key"])
            if len(keys) == 1:
                route.fetch()
                route.abort()
            else:
                route.continue_()

        page.route("**/api/chat", lose_the_first_answer)
        runs = house.runs()
        say(page, "What time is it in UTC?")
        expect(page.locator(".message.assistant .text").last).not_to_be_empty()
        assert len(set(keys)) == 1
        assert len(keys) == 2
        assert house.runs() == runs + 1
        say(page, "And in Paris?")
        assert len(set(keys)) == 2


def test_a_conversation_is_renamed_and_deleted(browser: Browser, house: House) -> None:
    with opened(browser, house) as page:
        sign_in(page, house)
        say(page, "A conversation to rename")
        page.get_by_role("button", name="Rename", exact=True).click()
        page.get_by_label("New name").fill("<b>My name</b>")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#title")).to_have_text("<b>My name</b>")
        item = page.locator("#conversation-list button", has_text="<b>My name</b>")
        expect(item).to_have_count(1)
        page.get_by_role("button", name="Delete", exact=True).click()
        page.get_by_role("button", name="Delete it").click()
        expect(item).to_have_count(0)
        expect(page.locator(".message")).to_have_count(0)


def test_what_is_said_is_text_and_never_markup(browser: Browser, house: House) -> None:
    """AP-TOL-11, LLM05."""
    beacon = '<img src="http://outside.test/x"><script>window.ran = true</script>'
    with opened(browser, house) as page:
        sign_in(page, house)
        say(page, beacon)
        expect(page.locator(".message.user .text").last).to_have_text(beacon)
        assert page.locator(".message img, .message script").count() == 0
        assert page.evaluate("window.ran === undefined")


def test_the_browser_holds_no_token(browser: Browser, house: House) -> None:
    with opened(browser, house) as page:
        sign_in(page, house)
        stored = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
        kept = [cookie for cookie in page.context.cookies() if cookie["name"] == "doorward_session"]
    assert stored == '[{},{},""]'
    assert [(cookie["httpOnly"], cookie["sameSite"]) for cookie in kept] == [(True, "Lax")]


def test_signing_out_ends_the_session(browser: Browser, house: House) -> None:
    with opened(browser, house) as page:
        sign_in(page, house)
        cookies = page.context.cookies()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        page.context.add_cookies(cookies)
        page.goto("/")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_sticks_out_on_a_small_screen(browser: Browser, house: House, dark: bool) -> None:
    with opened(browser, house, width=360, dark=dark) as page:
        sign_in(page, house)
        say(page, "x" * 300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        expect(page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
        page.get_by_role("button", name="Conversations", exact=True).click()
        expect(page.locator("#conversation-list button").first).to_be_visible()
        expect(page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)
        ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        light = sum(map(int, re.findall(r"\d+", ground))) > 382
        assert light is not dark


def test_every_control_has_a_name(browser: Browser, house: House) -> None:
    with opened(browser, house) as page:
        sign_in(page, house)
        nameless = page.evaluate(
            """[...document.querySelectorAll('button, input, textarea')].filter((item) =>
                !item.textContent.trim() && !item.labels?.length && !item.getAttribute('aria-label')
            ).map((item) => item.outerHTML)"""
        )
    assert nameless == []


SLOW_AGENT = """
import asyncio

async def stream(message):
    yield "one moment"
    await asyncio.sleep(600)
"""


def begin_slowly(page: Page, house: House) -> None:
    sign_in(page, house)
    page.get_by_label("Message", exact=True).fill("Take your time")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".message.assistant .text")).to_have_text("one moment", timeout=WAIT)


def test_an_answer_is_stopped_and_what_was_said_is_kept(browser: Browser, tmp_path: Path) -> None:
    agent = tmp_path / "slow.py"
    agent.write_text(SLOW_AGENT)
    with running_house(tmp_path / "house", "--agent", f"{agent}:stream") as house, opened(browser, house) as page:
        begin_slowly(page, house)
        page.reload()  # the turn runs on, and is found again where it is
        page.locator("#conversation-list button").first.click()
        expect(page.locator(".message.assistant .text")).to_have_text("one moment", timeout=WAIT)
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".message.assistant .mark.bad")).to_contain_text("did not finish")
        expect(page.get_by_role("button", name="Send")).to_be_enabled()
        page.reload()
        page.locator("#conversation-list button").first.click()
        expect(page.locator(".message.assistant")).to_contain_text("one moment")
        expect(page.locator(".message.assistant")).to_contain_text("not whole")


@pytest.mark.parametrize("pattern", ["direct", "front-door"])
def test_stopping_hangs_up_on_the_agent_where_there_is_no_turn_to_cancel(
    browser: Browser, tmp_path: Path, pattern: str
) -> None:
    """AP-LIM-04: what nobody waits for does not run on."""
    agent = tmp_path / "slow.py"
    agent.write_text(SLOW_AGENT)
    options = ("--agent", f"{agent}:stream", "--pattern", pattern)
    with running_house(tmp_path / "house", *options) as house, opened(browser, house) as page:
        begin_slowly(page, house)
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".message.assistant .mark.bad")).to_have_text("Stopped.")
        page.wait_for_timeout(500)  # the connections close one after the other
        page.get_by_label("Message", exact=True).fill("And again")
        page.get_by_role("button", name="Send").click()
        expect(page.locator(".message.assistant .text").last).to_have_text("one moment", timeout=WAIT)


def test_a_message_that_was_refused_is_not_lost(browser: Browser, house: House) -> None:
    with opened(browser, house) as page:
        sign_in(page, house)
        page.route("**/api/chat", lambda route: route.fulfill(status=409, json={"detail": "Not now."}))
        page.get_by_label("Message", exact=True).fill("Precious words")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#problem")).to_have_text("Not now.")
        expect(page.get_by_label("Message", exact=True)).to_have_value("Precious words")
        expect(page.locator(".message")).to_have_count(0)


def test_the_page_talks_in_each_pattern(browser: Browser, house_of_each_pattern: House) -> None:
    house = house_of_each_pattern
    pattern = house.ready["pattern"]
    with opened(browser, house) as page:
        sign_in(page, house)
        expect(page.locator("#pattern")).to_have_text(f"pattern {pattern}")
        say(page, "Hello")
        expect(page.locator(".message.assistant .text").first).not_to_be_empty()
        expect(page.locator("#problem")).to_be_hidden()
        say(page, "And again")
        expect(page.locator(".message.assistant")).to_have_count(2)
        warned = page.get_by_role("note").filter(has_text="pattern to grow out of")
        expect(warned).to_be_visible(visible=pattern == "direct")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
