"""When something goes wrong, the page says what and what to do, and nothing that was typed is lost."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.journey.browsing import WAIT, answers, enter, field, fill_in, opened, out, questions, rows, say, send
from tests.journey.house import running_house
from tests.journey.pages import PageHouse, page_house

PROBLEM = "problem"


def end_session(page: Page) -> None:
    """The session is over, as it is when its time has come: the server no longer knows the cookie."""
    page.context.clear_cookies()


def test_a_session_that_ends_loses_no_draft_and_one_comes_back_to_where_one_was(
    browser: Browser, page_home: PageHouse
) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        say(page, "before the end")
        address = page.url
        field(page).fill("a slow thought, half written")
        end_session(page)
        field(page).press("Enter")
        expect(page.get_by_role("alert").filter(has_text="Your session has ended")).to_be_visible()
        expect(field(page)).to_have_value("a slow thought, half written")
        expect(questions(page)).to_have_text(["before the end"])
        page.get_by_role("button", name="Sign in again").click()
        fill_in(page, page_home.house)
        assert page.url == address
        expect(field(page)).to_have_value("a slow thought, half written")
        field(page).press("Enter")
        expect(answers(page).last).to_contain_text("You said: a slow thought, half written", timeout=WAIT)


def test_after_sign_in_one_lands_where_one_wanted_to_go(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        say(page, "an address to keep")
        address = page.url
        out(page)
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        page.goto(address)
        enter(page, page_home.house)
        assert page.url == address
        expect(questions(page)).to_have_text("an address to keep")


def test_who_cannot_sign_out_is_told_and_keeps_what_was_typed(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        field(page).fill("half a thought")
        page.context.set_offline(True)
        out(page)
        expect(page.get_by_role("alert").filter(has_text="You are offline. Try again")).to_be_visible()
        page.context.set_offline(False)
        page.reload()
        expect(field(page)).to_have_value("half a thought")


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/session/callback?code=a&state=b", 403, "This sign-in was not begun in this browser."),
        ("/nowhere/<b>at all", 404, "There is nothing here."),
        ("/?unknown=1", 400, "The query has an unknown parameter."),
    ],
)
def test_an_address_that_is_refused_is_a_page_with_a_way_on(
    browser: Browser, page_home: PageHouse, address: str, status: int, said: str
) -> None:
    with opened(browser, page_home.house) as page:
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == status
        expect(page.get_by_role("main")).to_contain_text(said)
        page.get_by_role("link", name="Go to the start").click()
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_draft_of_one_person_is_not_shown_to_another(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house, user=0)
        field(page).fill("for my eyes only")
        end_session(page)
        page.goto("/")
        enter(page, page_home.house, user=1)
        expect(field(page)).to_have_value("")


def test_each_conversation_keeps_its_draft(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        say(page, "drafts are kept here")
        field(page).fill("half a question")
        page.get_by_role("button", name="New conversation").click()
        expect(field(page)).to_have_value("")
        field(page).fill("and another")
        rows(page).filter(has_text="drafts are kept").first.click()
        expect(field(page)).to_have_value("half a question")
        page.reload()
        expect(field(page)).to_have_value("half a question")
        page.goto("/")
        expect(field(page)).to_have_value("and another")


def test_a_reached_limit_counts_down_and_opens_again(browser: Browser, tmp_path: Path) -> None:
    """AP-LIM-01, from the side of the person who meets the limit."""
    config = "[front_door]\nuser_requests = 30\nuser_window = 150.0\n"
    with page_house(tmp_path, config=config) as home, opened(browser, home.house) as page:
        enter(page, home.house)
        page.evaluate("Promise.all(Array.from({ length: 60 }, () => fetch('/api/usage')))")
        send(page, "one too many")
        said = page.get_by_test_id(PROBLEM)
        expect(said).to_have_text(re.compile(r"It opens again in \d+ seconds?\. Your message is kept\."))
        expect(field(page)).to_have_value("one too many")
        expect(questions(page)).to_have_count(0)
        first = said.inner_text()
        expect(said).not_to_have_text(first)
        expect(said).to_have_text("It is open again: you can send your message now.", timeout=WAIT)
        field(page).press("Enter")
        expect(answers(page)).to_contain_text("You said: one too many", timeout=WAIT)


def test_a_budget_that_is_used_up_says_until_when(browser: Browser, tmp_path: Path) -> None:
    config = "[budget]\nuser_tokens_per_day = 5000\nreserve_tokens = 4000\n"
    with page_house(tmp_path, config=config) as home, opened(browser, home.house) as page:
        enter(page, home.house)
        send(page, "go to gate budget")  # what is set aside for it leaves no room for another
        expect(answers(page)).to_contain_text("Before the gate.", timeout=WAIT)
        page.get_by_role("button", name="New conversation").click()
        send(page, "an expensive question")
        expect(page.get_by_test_id(PROBLEM)).to_have_text(
            re.compile(r"Today.s budget is used up\. It opens again in .*Your message is kept\.")
        )
        expect(field(page)).to_have_value("an expensive question")


def test_an_agent_that_is_down_is_said_and_asked_again(browser: Browser, tmp_path: Path) -> None:
    broken = tmp_path / "agent.py"
    broken.write_text("import os\n\n\ndef answer(message):\n    os._exit(3)\n")
    with running_house(tmp_path / "house", "--agent", f"{broken}:answer") as house, opened(browser, house) as page:
        enter(page, house)
        send(page, "are you there?")
        trouble = answers(page).locator(".trouble")
        expect(trouble).to_contain_text(re.compile("The agent (does not answer|failed)"), timeout=WAIT)
        expect(trouble.get_by_role("button", name="Try again")).to_be_visible()
        expect(questions(page)).to_have_text("are you there?")


def test_offline_is_said_and_an_answer_goes_on_when_the_connection_is_back(
    browser: Browser, page_home: PageHouse
) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        say(page, "while there is a connection")
        page.context.set_offline(True)
        expect(page.get_by_role("status").filter(has_text="You are offline.")).to_be_visible()
        send(page, "written without one")
        expect(page.get_by_test_id(PROBLEM)).to_contain_text("Not sent yet.")
        expect(field(page)).to_have_value("written without one")
        page.context.set_offline(False)
        expect(page.get_by_role("status").filter(has_text="You are offline.")).to_have_count(0)
        expect(page.get_by_test_id(PROBLEM)).to_have_count(0)
        field(page).press("Enter")
        expect(answers(page).last).to_contain_text("You said: written without one", timeout=WAIT)
        expect(questions(page)).to_have_text(["while there is a connection", "written without one"])


def test_a_message_whose_arrival_is_not_known_is_not_sent_twice(browser: Browser, page_home: PageHouse) -> None:
    """F-18: both tries lose their answer; the person sends the same text again, and it is the same message."""
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        keys: list[str] = []

        def lose(route: Route) -> None:
            keys.append(route.request.headers["idempotency-key"])
            if len(keys) == 1:
                route.fetch()
            if len(keys) <= 2:
                route.abort()
            else:
                route.continue_()

        page.route("**/api/chat", lose)
        runs = page_home.house.runs()
        send(page, "did you get this?")
        expect(page.get_by_test_id(PROBLEM)).to_contain_text("The server does not answer.")
        expect(field(page)).to_have_value("did you get this?")
        field(page).press("Enter")
        expect(answers(page)).to_contain_text("You said: did you get this?", timeout=WAIT)
        assert len(keys) == 3
        assert len(set(keys)) == 1
        assert page_home.house.runs() == runs + 1


@pytest.mark.parametrize("typed", ["", "meanwhile I wrote this"])
def test_a_message_that_was_refused_is_not_lost(browser: Browser, page_home: PageHouse, typed: str) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        waiting: list[Route] = []
        page.route("**/api/chat", lambda route: waiting.append(route))  # noqa: PLW0108 - it must take attributes
        send(page, "Precious words")
        expect(questions(page)).to_have_text("Precious words")
        field(page).fill(typed)
        end = time.monotonic() + 30
        while time.monotonic() < end and not waiting:
            page.wait_for_timeout(20)
        waiting[0].fulfill(status=409, json={"code": "some_rule", "detail": "Not now."})
        expect(page.get_by_test_id(PROBLEM)).to_have_text("Not now.")
        expect(field(page)).to_have_value(f"Precious words\n\n{typed}" if typed else "Precious words")
        expect(questions(page)).to_have_count(0)


def test_a_message_that_is_too_long_is_not_sent(browser: Browser, tmp_path: Path) -> None:
    config = "[front_door]\nmax_message_characters = 40\n"
    with page_house(tmp_path, config=config) as home, opened(browser, home.house) as page:
        enter(page, home.house)
        field(page).fill("x" * 45)
        expect(page.locator("#hint")).to_have_text("5 characters too many")
        expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
        field(page).press("Enter")
        expect(field(page)).to_have_value("x" * 45)


def test_an_address_that_leads_nowhere_says_so(browser: Browser, page_home: PageHouse) -> None:
    """The console is not there for somebody who is no operator."""
    with opened(browser, page_home.house, "/console") as page:
        enter_at_console(page, page_home)
        expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
        page.get_by_role("link", name="Back to the chat").click()
        expect(field(page)).to_be_visible()


def enter_at_console(page: Page, home: PageHouse) -> None:
    account = home.house.ready["users"][1]
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("User name").fill(account["username"])
    page.get_by_label("Password").fill(account["password"])
    page.get_by_role("button", name="Sign in").click()
