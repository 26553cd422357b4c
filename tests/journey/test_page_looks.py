"""How the page looks and how it is used without a mouse: axe, pictures, small screens, zoom, keyboard, a screen reader.

`make screenshots` keeps the pictures in `docs/images`; here they go to a temporary folder.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journey.browsing import NARROW, WAIT, WIDE, answers, enter, field, opened, picture, rows, say, send
from tests.journey.pages import PageHouse, page_house

AXE = Path(__file__).parents[2] / "page" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """What axe finds, in the page as it is."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate("(tags) => axe.run(document, { runOnly: tags })", RULES)
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def sticks_out(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_each_view_is_accessible_and_nothing_sticks_out(
    browser: Browser, page_home: PageHouse, tmp_path: Path, size: tuple[int, int], dark: bool
) -> None:
    name = f"{'wide' if size == WIDE else 'narrow'}-{'dark' if dark else 'light'}"

    def look(page: Page, view: str) -> None:
        assert not violations(page), view
        assert not sticks_out(page), view
        picture(page, tmp_path, f"{view}-{name}")

    with opened(browser, page_home.house, size=size, dark=dark) as page:
        expect(page.get_by_role("heading", name="Talk to the agent")).to_be_visible()
        look(page, "welcome")
        enter(page, page_home.house)
        look(page, "new")
        say(page, "How is the bridge crossed? A report, please")
        look(page, "chat")
        page.locator("details.tool summary").click()
        page.locator(".messages-box").evaluate("box => box.scrollTop = 0")
        look(page, "tool")
        if size == NARROW:
            page.get_by_role("button", name="Show conversations").click()
        page.get_by_label("Conversations").get_by_role("button", name=re.compile("Options for")).first.click()
        expect(page.get_by_role("menu")).to_be_visible()
        look(page, "list")
        page.get_by_role("menuitem", name="Rename").click()
        look(page, "rename")
        page.keyboard.press("Escape")
        if size == NARROW:
            page.keyboard.press("Escape")
        send(page, "go to gate looks")
        expect(answers(page).last).to_contain_text("Before the gate.")
        look(page, "streaming")
        page.get_by_role("button", name="Stop").click()
        expect(answers(page).last.locator(".trouble")).to_be_visible(timeout=WAIT)
        page.context.set_offline(True)
        field(page).fill("Is anybody there?")
        field(page).press("Enter")
        expect(page.get_by_test_id("problem")).to_be_visible()
        look(page, "offline")
        page.context.set_offline(False)
        page.context.clear_cookies()
        field(page).press("Enter")
        expect(page.get_by_role("button", name="Sign in again")).to_be_visible()
        look(page, "expired")
        ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        light = sum(map(int, re.findall(r"\d+", ground)[:3])) > 382
        assert light is not dark


@pytest.mark.parametrize("pattern", ["direct", "two-doors"])
def test_the_patterns_without_history_are_accessible(browser: Browser, tmp_path: Path, pattern: str) -> None:
    with page_house(tmp_path, "--pattern", pattern) as home, opened(browser, home.house, size=NARROW) as page:
        enter(page, home.house)
        say(page, "report")
        assert not violations(page)
        assert not sticks_out(page)
        picture(page, tmp_path, f"{pattern}-narrow-light")


def test_at_200_percent_zoom_everything_is_there(browser: Browser, page_home: PageHouse, tmp_path: Path) -> None:
    """Zoomed to 200 %, a window of 1280 by 800 has 640 by 400 pixels of CSS (WCAG 1.4.4, 1.4.10)."""
    with opened(browser, page_home.house, size=(640, 400)) as page:
        enter(page, page_home.house)
        say(page, "report")
        assert not sticks_out(page)
        expect(field(page)).to_be_in_viewport(ratio=1)
        expect(page.get_by_role("button", name="Send", exact=True)).to_be_in_viewport(ratio=1)
        box = page.locator(".messages-box").bounding_box()
        assert box is not None
        assert box["height"] > 180
        picture(page, tmp_path, "zoomed")


def test_the_first_paint_does_not_jump(browser: Browser, page_home: PageHouse) -> None:
    """Chromium's own cumulative layout shift, from a cold load to the conversation on the screen."""
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        say(page, "report")
        page.add_init_script(
            """window.shifted = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
            }).observe({ type: 'layout-shift', buffered: true });"""
        )
        page.reload()
        expect(answers(page)).to_be_visible()
        expect(page.locator("details.tool")).to_be_visible()
        expect(rows(page).first).to_be_visible()
        assert page.evaluate("window.shifted") < 0.1  # "good" by Chromium's own measure


def test_the_keyboard_alone_is_enough(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        expect(field(page)).to_be_focused()
        page.keyboard.type("two lines")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("by keyboard")
        page.keyboard.press("Enter")
        expect(answers(page)).to_contain_text("You said: two lines", timeout=WAIT)
        expect(answers(page)).to_have_attribute("aria-busy", "false")
        expect(field(page)).to_be_focused()
        page.keyboard.press("Control+k")
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.closest('.entry') !== null"):
                break
        expect(rows(page).first).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("menuitem", name="Rename")).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("menuitem", name="Export as Markdown")).to_be_focused()
        page.keyboard.press("End")
        expect(page.get_by_role("menuitem", name="Delete")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("menu")).to_have_count(0)
        assert page.evaluate("document.activeElement.getAttribute('aria-haspopup')") == "menu"
        page.keyboard.press("Enter")
        expect(page.get_by_role("menuitem", name="Rename")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_label("New name")).to_be_focused()
        page.keyboard.type("By keyboard alone")
        page.keyboard.press("Enter")
        expect(page.locator("#title")).to_have_text("By keyboard alone")


def test_a_screen_reader_hears_sentences_and_not_every_word(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:
        enter(page, page_home.house)
        page.evaluate(
            """() => {
                window.heard = [];
                const live = document.querySelector('[data-testid=live]');
                new MutationObserver((all) => {
                    for (const one of all) for (const node of one.addedNodes) window.heard.push(node.textContent);
                }).observe(live, { childList: true });
            }"""
        )
        say(page, "report")  # about a hundred events
        expect(page.get_by_test_id("live")).to_contain_text("The answer is complete.")
        heard = page.evaluate("window.heard")
    assert heard[0] == "The agent is answering."
    assert heard[1] == "The agent uses the tool lookup_speeds."
    assert heard[-1] == "The answer is complete."
    assert "Crossing the bridge Four people, one torch" in " ".join(heard)
    assert len(heard) < 10


def test_less_motion_is_no_motion(browser: Browser, page_home: PageHouse) -> None:
    with opened(browser, page_home.house) as page:  # it asks for reduced motion
        enter(page, page_home.house)
        send(page, "go to gate motion")
        expect(answers(page).locator(".dots")).to_be_visible()
        moving = page.evaluate(
            """document.getAnimations().filter((one) => one.effect.getComputedTiming().activeDuration > 50).length"""
        )
        assert moving == 0
        page_home.open_gate("motion")
