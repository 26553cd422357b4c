"""A person at the page: real Chromium, the way in, and what one does there."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, Playwright, Request, expect

from tests.journey.house import House

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
]
WAIT = 30_000.0  # milliseconds
WIDE = (1280, 800)
NARROW = (360, 740)
# The pictures of the documents, by the view they show.
SHOWN = {
    "chat-wide-light": "chat",
    "tool-wide-dark": "tool",
    "chat-narrow-light": "narrow",
    "console-now-wide-light": "console",
    "console-ledger-wide-dark": "console-ledger",
}


def chromium(playwright: Playwright) -> Browser:
    """The installed Chromium, without a window."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "Chromium is needed: run tests/install-programs.sh"
    return playwright.chromium.launch(executable_path=found, args=ARGUMENTS)


@contextmanager
def opened(
    browser: Browser, house: House, path: str = "/", *, size: tuple[int, int] = WIDE, dark: bool = False
) -> Iterator[Page]:
    """The page in a browser of its own. Errors on the page, and calls to foreign places, fail the test."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        base_url=house.front_door,
        locale="en-GB",
        reduced_motion="reduce",
    )
    context.set_default_timeout(WAIT)
    errors: list[str] = []
    asked: list[Request] = []

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if _is_fault(message.text) else None)

    context.on("page", watch)
    context.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - it must take attributes
    page = context.new_page()
    page.goto(path)
    yield page
    context.close()
    homes = (house.front_door, house.ready["agent_door"], "blob:")
    assert not errors
    assert not [request.url for request in asked if not request.url.startswith(homes)]


def _is_fault(text: str) -> bool:
    return re.search(r"Content Security|Trusted|TypeError|ReferenceError", text) is not None


def enter(page: Page, house: House, user: int = 0) -> None:
    """From the way in, through the form of the sign-in, to the page."""
    page.get_by_role("button", name="Sign in").click()
    fill_in(page, house, user)


def fill_in(page: Page, house: House, user: int = 0) -> None:
    """The form of the embedded sign-in, and the chat behind it."""
    sign_in_at_the_form(page, house, user)
    expect(field(page)).to_be_visible(timeout=WAIT)


def sign_in_at_the_form(page: Page, house: House, user: int) -> None:
    """The form of the embedded sign-in, wherever it leads."""
    fill_in_as(page, house.ready["users"][user])


def fill_in_as(page: Page, account: dict[str, str]) -> None:
    """The form of the embedded sign-in, with `username` and `password`."""
    page.get_by_label("User name").fill(account["username"])
    page.get_by_label("Password").fill(account["password"])
    page.get_by_role("button", name="Sign in").click()


def field(page: Page) -> Locator:
    """Where one writes."""
    return page.get_by_role("textbox", name="Message")


def send(page: Page, text: str) -> None:
    """Write and send; the answer may take its time."""
    field(page).fill(text)
    page.get_by_role("button", name="Send", exact=True).click()


def say(page: Page, text: str) -> Locator:
    """Write, send, and wait for the whole answer: its place in the page."""
    before = answers(page).count()
    send(page, text)
    expect(answers(page)).to_have_count(before + 1, timeout=WAIT)
    answer = answers(page).last
    expect(answer).to_have_attribute("aria-busy", "false", timeout=WAIT)
    return answer


def answers(page: Page) -> Locator:
    """What the agent said."""
    return page.locator(".message.assistant")


def questions(page: Page) -> Locator:
    """What the person asked."""
    return page.locator(".message.user .text")


def rows(page: Page) -> Locator:
    """The conversations in the list that are in sight."""
    return page.locator(".rows .entry > a")


def choose(page: Page, conversation: str, what: str) -> None:
    """Something from the menu of a conversation in the list."""
    page.get_by_label("Conversations").get_by_role("button", name=f"Options for {conversation}").first.click()
    page.get_by_role("menuitem", name=what).click()


def out(page: Page, how: str = "Sign out") -> None:
    """The way out."""
    page.get_by_role("button", name=re.compile("^Account")).click()
    page.get_by_role("menuitem", name=how, exact=True).click()


def picture(page: Page, folder: Path, name: str) -> None:
    """A screenshot in `folder`; `make screenshots` keeps those of `SHOWN` in the folder `PICTURES`."""
    path = folder / f"{name}.png"
    page.screenshot(path=path, animations="disabled", caret="hide")
    assert path.stat().st_size > 5_000, "an empty picture"
    kept = os.environ.get("PICTURES")
    if kept and name in SHOWN:
        Path(kept).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, Path(kept) / f"{SHOWN[name]}.png")
