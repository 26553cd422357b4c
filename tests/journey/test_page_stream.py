"""An answer on the page while it comes: parts, stop, reload, a broken connection, two tabs, a second message."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.journey.browsing import WAIT, answers, choose, enter, field, opened, questions, say, send
from tests.journey.pages import PageHouse, page_house

STOP = "Stop"
STREAM = {"content-type": "text/event-stream"}


def framed(number: int, kind: str, **fields: str) -> str:
    """An event as the server sends it."""
    return f"id: {number}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


def hold(page: Page, gate: str, *, at: int = 0) -> None:
    """An answer that has begun and waits at a gate."""
    send(page, f"go to gate {gate}")
    expect(answers(page).nth(at)).to_contain_text("Before the gate.", timeout=WAIT)


def test_an_answer_has_markdown_code_a_table_and_its_tool(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        enter(page, page_home.house)
        answer = say(page, "The report please")
        expect(answer.get_by_role("heading", name="Crossing the bridge")).to_be_visible()
        expect(answer.get_by_role("table").get_by_role("row")).to_have_count(4)
        expect(answer.locator("ol > li")).to_have_count(3)
        answer.get_by_role("button", name="Copy the code").click()
        assert page.evaluate("navigator.clipboard.readText()").startswith("def total(a, b, c, d):")
        link = answer.get_by_role("link", name="the general case")
        expect(link).to_have_attribute("rel", re.compile("noopener noreferrer"))
        expect(link).to_contain_text("(en.wikipedia.org)")
        tool = answer.locator("details.tool")
        expect(tool.locator("summary")).to_contain_text("lookup_speeds")
        expect(tool.locator("summary")).to_contain_text("240 ms")
        tool.locator("summary").press("Enter")
        expect(tool.locator("pre").first).to_contain_text('"people"')
        expect(tool.locator("pre").last).to_contain_text('"Di": 10')
        page.reload()
        tool = answers(page).locator("details.tool summary")
        expect(tool).to_contain_text("240 ms")  # the steps are read again when they come into sight
        expect(answers(page).get_by_role("heading", name="Crossing the bridge")).to_be_visible()


def test_the_steps_of_a_long_answer_are_read_when_somebody_asks(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        expect(say(page, "The book please").locator("details.tool")).to_have_count(1)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.reload()
        answer = answers(page).first
        expect(answer).to_contain_text("A line of a long book.")
        button = answer.get_by_role("button", name="Show how this was answered")
        expect(button).to_be_visible()
        expect(answer.locator("details.tool")).to_have_count(0)
        assert not [url for url in asked if url.endswith("/events")]
        button.click()
        expect(answer.locator("details.tool summary")).to_contain_text("open_book")
        expect(button).to_have_count(0)


def test_earlier_messages_come_in_above_and_what_is_read_stays_in_its_place(
    browser: Browser, page_home: PageHouse
) -> None:
    house = page_home.house
    with opened(browser, house) as page, house.client(headers=house.bearer()) as client:
        enter(page, house)
        say(page, "question 0")
        session = page.url.rpartition("/")[2]
        for number in range(1, 30):
            sent = client.post("/api/chat", json={"message": f"question {number}", "session_id": session})
            assert sent.status_code == 200
        page.reload()
        expect(questions(page).last).to_have_text("question 29")
        page.locator(".messages-box").evaluate("box => box.scrollTop = 0")
        top = questions(page).first
        read = page.locator(".message.user .text").get_by_text(top.inner_text(), exact=True)
        before = read.bounding_box()
        page.get_by_role("button", name="Show earlier messages").click()
        expect(top).to_have_text("question 0")
        after = read.bounding_box()
        assert before is not None
        assert after is not None
        assert abs(after["y"] - before["y"]) < 80  # the height of the button that is no longer needed
        expect(page.locator(".messages-box")).to_be_focused()  # the button is gone, the keyboard is not lost


def test_a_reload_in_mid_answer_goes_on_where_it_was(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        runs = page_home.house.runs()
        hold(page, "reload")
        address = page.url
        assert "/c/" in address
        page.reload()
        expect(answers(page)).to_contain_text("Before the gate.")
        expect(page.get_by_role("button", name=STOP)).to_be_visible()
        page_home.open_gate("reload")
        expect(answers(page)).to_have_text(re.compile(r"Before the gate\. After the gate\."), timeout=WAIT)
        expect(answers(page)).to_have_attribute("aria-busy", "false")
        assert page.url == address
        expect(questions(page)).to_have_count(1)
        assert page_home.house.runs() == runs + 1


def test_a_broken_connection_is_read_on_after_what_was_seen(browser: Browser, page_home: PageHouse) -> None:
    """No event comes twice, and none is missing."""
    asked: list[str] = []

    def cut(route: Route) -> None:
        """The stream ends after the first words."""
        asked.append(route.request.url)
        if len(asked) == 1:
            answer = (
                'id: 1\ndata: {"type":"RUN_STARTED"}\n\nid: 2\ndata: {"type":"TEXT_MESSAGE_START","messageId":"a"}\n\n'
            )
            route.fulfill(headers=STREAM, body=answer)
        else:
            route.continue_()

    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        hold(page, "broken")
        page.route("**/api/turns/*/events*", cut)
        page.reload()
        expect(answers(page)).to_have_attribute("aria-busy", "true")
        page_home.open_gate("broken")
        expect(answers(page)).to_have_text(re.compile(r"Before the gate\. After the gate\."), timeout=WAIT)
        expect(answers(page)).to_have_attribute("aria-busy", "false")
    assert asked[1].endswith("?after=2")


def test_a_log_that_begins_anew_replaces_what_was_shown(browser: Browser, page_home: PageHouse) -> None:
    """`event: reset`, and `event: server_closing`."""
    asked: list[str] = []

    def reset(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            old = framed(1, "RUN_STARTED") + framed(2, "TEXT_MESSAGE_CONTENT", messageId="x", delta="gone")
            route.fulfill(headers=STREAM, body=old + "event: server_closing\ndata: {}\n\n")
        elif len(asked) == 2:
            gone = 'event: reset\ndata: {"reason":"event_unknown","turnId":"t"}\n\n'
            route.fulfill(headers=STREAM, body=gone)
        else:
            route.continue_()

    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        hold(page, "reset")
        page.route("**/api/turns/*/events*", reset)
        page.reload()
        expect(answers(page)).to_have_attribute("aria-busy", "true")
        page_home.open_gate("reset")
        expect(answers(page)).to_have_text(re.compile(r"Before the gate\. After the gate\."), timeout=WAIT)
        expect(answers(page)).not_to_contain_text("gone")
    assert [url.partition("?")[2] for url in asked[:3]] == ["", "after=2", ""]


def test_an_answer_is_stopped_and_what_was_said_is_kept(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        hold(page, "never")
        expect(page.get_by_role("button", name="Send", exact=True)).to_have_count(0)
        page.get_by_role("button", name=STOP).click()
        expect(answers(page).locator(".trouble")).to_contain_text("This answer is not whole. You stopped it.")
        expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()
        page.reload()
        expect(answers(page)).to_contain_text("Before the gate.")
        expect(answers(page)).to_contain_text("This answer is not whole.")


def test_a_failed_answer_says_so_and_is_tried_again(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        answer = say(page, "please fail now")
        expect(answer).to_contain_text("Half of it")
        expect(answer.locator(".trouble")).to_contain_text("The agent failed on this question.")
        answer.get_by_role("button", name="Try again").click()
        expect(answers(page)).to_have_count(2)
        expect(answers(page).last.locator(".trouble")).to_be_visible(timeout=WAIT)
        expect(questions(page)).to_have_text(["please fail now", "please fail now"])


def test_a_question_is_edited_and_sent_again(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        say(page, "first words")
        page.locator(".message.user").hover()
        page.get_by_role("button", name="Edit and send again").click()
        expect(field(page)).to_be_focused()
        expect(field(page)).to_have_value("first words")
        answer = say(page, "other words")
        expect(answer).to_contain_text("You said: other words")


def test_two_tabs_stay_in_step(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as here:
        enter(here, page_home.house)
        say(here, "tabs begin")
        there = here.context.new_page()
        there.goto(here.url)
        expect(answers(there)).to_contain_text("You said: tabs begin")
        hold(here, "tabs", at=1)
        expect(questions(there)).to_have_count(2, timeout=WAIT)
        expect(answers(there).last).to_contain_text("Before the gate.")
        expect(there.get_by_role("button", name=STOP)).to_be_visible()
        page_home.open_gate("tabs")
        for tab in (here, there):
            expect(answers(tab).last).to_contain_text("After the gate.", timeout=WAIT)
        here.bring_to_front()  # a tab behind another draws once a second
        choose(here, "tabs begin", "Rename")
        here.get_by_label("New name").fill("Both know it")
        here.get_by_role("button", name="Save").click()
        expect(there.locator("#title")).to_have_text("Both know it")
        there.bring_to_front()
        choose(there, "Both know it", "Delete")
        expect(here.locator(".rows").get_by_text("Both know it")).to_have_count(0)
        there.get_by_role("button", name="Undo").click()
        expect(here.locator(".rows").get_by_text("Both know it")).to_have_count(1)


def test_a_second_message_is_not_taken_while_one_is_answered_and_is_kept(
    browser: Browser, page_home: PageHouse
) -> None:
    """`chat.on_busy = "reject"`, the default."""
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        hold(page, "reject")
        field(page).fill("one more thing")
        field(page).press("Enter")
        expect(page.locator("#hint")).to_have_text("One message at a time: wait for the answer, or stop it.")
        expect(field(page)).to_have_value("one more thing")
        page_home.open_gate("reject")
        expect(answers(page)).to_have_attribute("aria-busy", "false", timeout=WAIT)
        field(page).press("Enter")
        expect(answers(page).last).to_contain_text("You said: one more thing", timeout=WAIT)


@pytest.mark.parametrize("rule", ["enqueue", "interrupt"])
def test_a_second_message_waits_or_takes_over_as_configured(browser: Browser, tmp_path: Path, rule: str) -> None:
    config = f'[chat]\non_busy = "{rule}"\n'
    with page_house(tmp_path, config=config) as home, opened(browser, home.house) as page:
        enter(page, home.house)
        hold(page, "first")
        said = {"enqueue": "waits until this answer is done", "interrupt": "stops this answer"}[rule]
        expect(page.locator("#hint")).to_contain_text(said)
        send(page, "second")
        if rule == "enqueue":
            expect(answers(page).last).to_contain_text("Waits until the answer before it is done")
            home.open_gate("first")
            expect(answers(page).first).to_contain_text("After the gate.", timeout=WAIT)
        else:
            expect(answers(page).first).to_contain_text("A newer message took its place.", timeout=WAIT)
        expect(answers(page).last).to_contain_text("You said: second", timeout=WAIT)
        expect(questions(page)).to_have_text(["go to gate first", "second"])
