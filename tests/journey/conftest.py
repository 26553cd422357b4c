"""Houses that several tests share, one for each pattern."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.journey.browsing import chromium
from tests.journey.house import House, running_house
from tests.journey.pages import PageHouse, page_house


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of pattern `conversations` with the default agent."""
    with running_house(_folder(tmp_path_factory, "conversations")) as running:
        yield running


@pytest.fixture(scope="module", params=["direct", "front-door", "two-doors", "conversations"])
def house_of_each_pattern(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house of each pattern in turn."""
    with running_house(_folder(tmp_path_factory, request.param), "--pattern", request.param) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the tests of one module."""
    with sync_playwright() as playwright:
        running = chromium(playwright)
        yield running
        running.close()


@pytest.fixture(scope="module")
def page_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageHouse]:
    """A house with the agent of the page's tests, for one module."""
    with page_house(_folder(tmp_path_factory, "page")) as running:
        yield running


def _folder(factory: pytest.TempPathFactory, name: str) -> Path:
    return factory.mktemp(name)
