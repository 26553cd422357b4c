"""The built-in page in a real browser, against a real house: the way in and out, and what all patterns have."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.journey.browsing import WAIT, answers, enter, field, opened, out, questions, rows, say, send
from tests.journey.house import House, running_house


def test_a_person_signs_in_talks_and_finds_the_conversation_again(browser: Browser, house: House) -> None:
    with opened(browser, house) as page:
        enter(page, house)
        expect(page.get_by_role("note").filter(has_text="rehearsal model")).to_be_visible()
        answer = say(page, "What time is it in UTC?")
        expect(answer.locator(".markdown").first).not_to_be_empty()
        expect(answer).to_contain_text("rehearsal model, no language model")
        expect(page.locator("#title")).to_contain_text("What time is it")
        card = answer.locator("details.tool summary")
        expect(card).to_contain_text("current_time")
        expect(card).to_contain_text(re.compile(r"\d ms|\d s"))
        expect(page.locator(".problem")).to_have_count(0)
        page.goto("/")
        rows(page).filter(has_text="What time is it").first.click()
        expect(questions(page)).to_have_text("What time is it in UTC?")
        expect(answers(page).locator(".markdown")).not_to_be_empty()
        # How long the tool took is known later, too.
        expect(answers(page).locator("details.tool summary")).to_contain_text(re.compile(r"\d ms|\d s"))


def test_a_message_is_sent_again_with_its_own_key_when_no_answer_came(browser: Browser, house: House) -> None:
    """F-18: the first request does arrive, but its answer is lost on the way back."""
    with opened(browser, house) as page:
        enter(page, house)
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
        answer = say(page, "What time is it in UTC?")
        expect(answer.locator(".markdown").last).not_to_be_empty()
        assert len(set(keys)) == 1
        assert len(keys) == 2
        assert house.runs() == runs + 1
        say(page, "And in Paris?")
        assert len(set(keys)) == 2


def test_the_browser_holds_no_token(browser: Browser, house: House) -> None:
    with opened(browser, house) as page:
        enter(page, house)
        field(page).fill("half a thought")
        stored = json.loads(page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])"))
        kept = [cookie for cookie in page.context.cookies() if cookie["name"] == "doorward_session"]
    local, session, cookies = stored
    assert [name for name in local if not name.startswith("doorward.draft.")] == []
    assert all(set(json.loads(draft)) == {"text", "key", "at"} for draft in local.values())
    assert (session, cookies) == ({}, "")
    assert [(cookie["httpOnly"], cookie["sameSite"]) for cookie in kept] == [(True, "Lax")]


def test_signing_out_ends_the_session_and_takes_the_drafts_along(browser: Browser, house: House) -> None:
    with opened(browser, house) as page:
        enter(page, house)
        cookies = page.context.cookies()
        field(page).fill("nobody else's business")
        out(page)
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        assert page.evaluate("localStorage.length") == 0
        page.context.add_cookies(cookies)  # type: ignore[arg-type]
        page.goto("/")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_signing_out_everywhere_ends_the_other_browsers_too(browser: Browser, house: House) -> None:
    with opened(browser, house) as here, opened(browser, house) as there:
        enter(here, house, user=1)
        enter(there, house, user=1)
        out(here, "Sign out everywhere")
        expect(here.get_by_role("button", name="Sign in")).to_be_visible()
        there.goto("/")
        # Nor does the issuer know them there any more: it asks for the password.
        enter(there, house, user=1)


SLOW_AGENT = """
import asyncio

async def stream(message):
    yield "one moment"
    await asyncio.sleep(600)
"""


def begin_slowly(page: Page, house: House) -> None:
    enter(page, house)
    send(page, "Take your time")
    expect(answers(page).locator(".markdown")).to_have_text("one moment", timeout=WAIT)


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
        expect(answers(page).locator(".trouble")).to_contain_text("Stopped.")
        page.wait_for_timeout(500)  # the connections close one after the other
        send(page, "And again")
        expect(answers(page).last.locator(".markdown")).to_have_text("one moment", timeout=WAIT)


def test_the_page_talks_in_each_pattern(browser: Browser, house_of_each_pattern: House) -> None:
    house = house_of_each_pattern
    pattern = house.ready["pattern"]
    with opened(browser, house) as page:
        enter(page, house)
        shown = page.get_by_text(f"Pattern {pattern}", exact=True)
        expect(shown).to_have_count(0 if pattern == "conversations" else 1)
        expect(say(page, "Hello").locator(".markdown").first).not_to_be_empty()
        expect(page.locator(".problem")).to_have_count(0)
        say(page, "And again")
        expect(answers(page)).to_have_count(2)
        warned = page.get_by_role("note").filter(has_text="pattern to grow out of")
        expect(warned).to_be_visible(visible=pattern == "direct")
        out(page)
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
