"""The list of conversations on the page: days, search, names, deleting with undo, export, thousands of them."""

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journey.browsing import NARROW, WAIT, answers, choose, enter, opened, out, questions, rows, say
from tests.journey.pages import PageHouse, page_house

MANY = 10_000
ROW = 39.5  # pixels: 38 a conversation, and 34 for each day of 24


@pytest.fixture(scope="module")
def full_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageHouse]:
    """A house whose first user has many conversations, one an hour."""
    with page_house(tmp_path_factory.mktemp("full")) as home:
        with home.house.client(headers=home.house.bearer()) as client:
            owner = client.get("/api/me").json()["actor_id"]
        now = time.time() - 60
        with sqlite3.connect(home.house.data / "gateway.db", timeout=30) as store:
            store.executemany(
                "INSERT INTO conversations (owner, session_id, name, created_at, updated_at, message_count)"
                " VALUES (?, ?, ?, ?, ?, 0)",
                [
                    (owner, f"{number:036d}", f"Conversation {number}", now - 3600 * number, now - 3600 * number)
                    for number in range(MANY)
                ],
            )
        store.close()
        yield home


def in_document(page: Page) -> int:
    return page.locator(".rows li").count()


def test_thousands_of_conversations_scroll_by_day_and_only_what_is_in_sight_is_drawn(
    browser: Browser, full_home: PageHouse
) -> None:
    with opened(browser, full_home.house) as page:
        enter(page, full_home.house)
        expect(rows(page).first).to_have_text("Conversation 0")
        expect(page.locator(".rows h2").first).to_have_text(re.compile("Today|Yesterday"))
        expect(page.locator(".rows h2").filter(has_text="Yesterday")).to_have_count(1)
        box = page.locator(".rows")
        # Each page that is read makes the list longer, and is asked for by scrolling.
        end = time.monotonic() + 60
        while time.monotonic() < end and box.evaluate("box => box.scrollHeight") < 450 * ROW:
            box.evaluate("box => box.scrollTop = box.scrollHeight")
            page.wait_for_timeout(20)
        box.evaluate("(box, top) => box.scrollTop = top", 400 * ROW)
        expect(page.get_by_text("Conversation 400", exact=True)).to_have_count(1)
        assert in_document(page) < 100
        box.evaluate("box => box.scrollTop = 0")
        expect(rows(page).first).to_have_text("Conversation 0")


def test_all_of_them_are_reached_and_the_list_stays_quick(browser: Browser, full_home: PageHouse) -> None:
    """10,000 conversations in the list: a step of scrolling is drawn within a frame or a few."""
    with opened(browser, full_home.house) as page:
        enter(page, full_home.house)
        expect(rows(page).first).to_be_visible()
        page.evaluate("""async () => {
            const box = document.querySelector('.rows');
            const end = performance.now() + 90_000;
            let before = 0, still = 0;
            while (performance.now() < end && still < 200) {
                box.scrollTop = box.scrollHeight;
                await new Promise((done) => setTimeout(done, 5));
                still = box.scrollHeight === before ? still + 1 : 0;
                before = box.scrollHeight;
            }
        }""")
        expect(rows(page).last).to_have_text(f"Conversation {MANY - 1}", timeout=WAIT)
        assert in_document(page) < 100
        slowest = page.evaluate("""async () => {
            const box = document.querySelector('.rows');
            let slowest = 0;
            for (let step = 0; step < 40; step += 1) {
                const begun = performance.now();
                box.scrollTop = (step * 7919) % box.scrollHeight;
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
                slowest = Math.max(slowest, performance.now() - begun);
            }
            return slowest;
        }""")
        assert slowest < 500, f"{slowest} ms"  # tens on a quiet machine


def test_search_finds_as_one_types_and_gives_the_list_back(browser: Browser, full_home: PageHouse) -> None:
    with opened(browser, full_home.house) as page:
        enter(page, full_home.house, user=1)
        say(page, "The colour of the heron is grey")
        say_in_new(page, "Something else altogether")
        search = page.get_by_role("searchbox", name="Search conversations")
        page.keyboard.press("Control+k")
        expect(search).to_be_focused()
        search.press_sequentially("heron")
        expect(rows(page)).to_have_count(1)
        expect(rows(page)).to_contain_text("The colour of the heron")
        expect(page.get_by_test_id("live")).to_contain_text("1 found")
        search.fill("zebra crossing")
        expect(page.get_by_text("Nothing found for “zebra crossing”.")).to_be_visible()
        search.press("Escape")
        expect(rows(page)).to_have_count(2)


def say_in_new(page: Page, text: str) -> None:
    page.get_by_role("button", name="New conversation").click()
    expect(answers(page)).to_have_count(0)
    say(page, text)


def test_a_conversation_is_renamed_and_its_name_is_text(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        say(page, "A conversation to rename")
        choose(page, "A conversation to rename", "Rename")
        expect(page.get_by_label("New name")).to_be_focused()
        page.get_by_label("New name").fill("<b>My name</b>")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator("#title")).to_have_text("<b>My name</b>")
        expect(rows(page).filter(has_text="<b>My name</b>")).to_have_count(1)
        page.reload()
        expect(page.locator("#title")).to_have_text("<b>My name</b>")


def test_a_deleted_conversation_comes_back_by_undo_and_is_gone_without(browser: Browser, page_home: PageHouse) -> None:
    house = page_home.house
    with opened(browser, house) as page, house.client(headers=house.bearer()) as client:
        enter(page, house)
        say(page, "Precious words to lose")
        session = page.url.rpartition("/")[2]
        item = rows(page).filter(has_text="Precious words")
        choose(page, "Precious words", "Delete")
        expect(item).to_have_count(0)
        expect(questions(page)).to_have_count(0)
        page.get_by_role("button", name="Undo").click()
        expect(item).to_have_count(1)
        assert client.get(f"/api/conversations/{session}").status_code == 200
        choose(page, "Precious words", "Delete")
        expect(item).to_have_count(0)
        assert client.get(f"/api/conversations/{session}").status_code == 200  # it can still be undone
        page.goto("/")  # whoever leaves has not asked for it back
        end = time.monotonic() + 30
        while time.monotonic() < end and client.get(f"/api/conversations/{session}").status_code != 404:
            page.wait_for_timeout(50)
        assert client.get(f"/api/conversations/{session}").status_code == 404
        page.goto(f"/c/{session}")
        expect(page.get_by_role("heading", name="There is no such conversation.")).to_be_visible()


def test_what_was_deleted_stays_deleted_when_one_signs_out_at_once(browser: Browser, page_home: PageHouse) -> None:
    house = page_home.house
    with opened(browser, house) as page, house.client(headers=house.bearer()) as client:
        enter(page, house)
        say(page, "Nobody shall read this")
        session = page.url.rpartition("/")[2]
        choose(page, "Nobody shall read", "Delete")
        out(page)
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        assert client.get(f"/api/conversations/{session}").status_code == 404


def test_what_one_tab_deleted_stays_deleted_when_another_signs_out(browser: Browser, page_home: PageHouse) -> None:
    house = page_home.house
    with opened(browser, house) as page, house.client(headers=house.bearer()) as client:
        enter(page, house)
        say(page, "Nor shall this be read")
        session = page.url.rpartition("/")[2]
        other = page.context.new_page()
        other.goto("/")
        expect(rows(other).filter(has_text="Nor shall this")).to_have_count(1)
        page.bring_to_front()
        choose(page, "Nor shall this", "Delete")
        expect(rows(other).filter(has_text="Nor shall this")).to_have_count(0)
        other.bring_to_front()
        out(other)
        expect(other.get_by_role("button", name="Sign in")).to_be_visible()
        assert client.get(f"/api/conversations/{session}").status_code == 404


def test_deleting_happens_when_the_time_to_undo_is_over(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        page.clock.install()
        enter(page, page_home.house)
        say(page, "Soon to be gone")
        choose(page, "Soon to be gone", "Delete")
        with page.expect_request(lambda request: request.method == "DELETE"):
            page.clock.fast_forward(8_000)
        expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_the_address_is_the_state(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        say(page, "one of two")
        first = page.url
        say_in_new(page, "two of two")
        second = page.url
        assert first != second
        rows(page).filter(has_text="one of two").click()
        expect(questions(page)).to_have_text("one of two")
        expect(page).to_have_title(re.compile("^One of two · Doorward$", re.IGNORECASE))
        page.go_back()
        expect(questions(page)).to_have_text("two of two")
        page.go_forward()
        expect(questions(page)).to_have_text("one of two")
        page.goto(second)
        expect(questions(page)).to_have_text("two of two")


def test_a_conversation_is_taken_along(browser: Browser, page_home: PageHouse, tmp_path: Path) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        say(page, "words to take along")
        for what, suffix in (("Export as Markdown", "md"), ("Export as JSON", "json")):
            with page.expect_download() as downloading:
                choose(page, "words to take along", what)
            file = tmp_path / f"export.{suffix}"
            downloading.value.save_as(file)
            assert "words to take along" in file.read_text()
        assert len(json.loads((tmp_path / "export.json").read_text())["messages"]) == 2


def test_the_list_is_a_drawer_on_a_small_screen(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house, size=NARROW) as page:
        enter(page, page_home.house)
        say(page, "small and fine")
        expect(rows(page).first).not_to_be_visible()
        page.get_by_role("button", name="Show conversations").click()
        expect(rows(page).first).to_be_visible()
        page.keyboard.press("Escape")
        expect(rows(page).first).not_to_be_visible()
        page.get_by_role("button", name="Show conversations").click()
        rows(page).filter(has_text="small and fine").click()
        expect(rows(page).first).not_to_be_visible()
        expect(questions(page)).to_have_text("small and fine")
