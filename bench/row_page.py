"""The page: its weight, Chromium's own first contentful paint, and how long an event takes to be seen."""

import gzip
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.journey.browsing import answers, chromium, enter, send

from bench.plan import Plan
from bench.report import Row, median, percentile
from bench.servers import ROOT, Measured, house

WEB = ROOT / "src" / "doorward" / "web"
PIECES = 150  # one every 20 ms
FRAME = 1000 / 60  # milliseconds

# Notes when a chunk of the answer's stream arrives, with its last piece, and when that piece has been painted: after
# the frame that follows the change of the document, so that it is at most one frame too late.
WATCH = """
window.arrived = [];
window.painted = [];
const last = (text) => Number((text.match(/piece (\\d+) /g) || []).at(-1)?.slice(6) ?? -1);
const read = ReadableStreamDefaultReader.prototype.read;
ReadableStreamDefaultReader.prototype.read = async function (...all) {
    const found = await read.apply(this, all);
    if (typeof found.value === "string" && found.value.includes("TEXT_MESSAGE_CONTENT")) {
        arrived.push([last(found.value), performance.now()]);
    }
    return found;
};
new MutationObserver(() => {
    const piece = last(document.querySelector(".message.assistant")?.textContent + " ");
    if (piece < 0) return;
    requestAnimationFrame(() => {
        const after = new MessageChannel();
        after.port1.onmessage = () => painted.push([piece, performance.now()]);
        after.port2.postMessage(null);
    });
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def rows(plan: Plan) -> Iterator[Row]:
    """All of them."""
    yield _weight()
    with house("ticking") as ours, sync_playwright() as playwright:
        browser = chromium(playwright)
        try:
            with browser.new_context(base_url=ours.url) as context:
                yield from _first_paints(context, ours, plan)
            yield _painted(browser, ours)
        finally:
            browser.close()


def _weight() -> Row:
    weights = {path.name: _compressed(path) for path in sorted(WEB.rglob("*")) if path.is_file()}
    total = sum(weights.values())
    chat = sum(weight for name, weight in weights.items() if not name.lower().startswith("console"))
    return Row(
        name="the page, compressed, all of it (of that the chat)",
        ours=f"{total / 1000:.1f} kB ({chat / 1000:.1f} kB)",
        target="at most 100 kB",
        met=total <= 100_000,
    )


def _compressed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), compresslevel=9, mtime=0))


def _first_paints(context: BrowserContext, ours: Measured, plan: Plan) -> Iterator[Row]:
    """Loads without a cache, of the way in and of the chat."""
    page = context.new_page()
    page.goto("/")
    page.context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
    for name in ("the way in", "the chat"):
        found = []
        for _ in range(3 * plan.rounds):
            page.reload()
            found.append(_soon(page, PAINT))
        yield Row(
            name=f"first contentful paint of {name}, cold",
            ours=f"p50 {median(found):.0f} ms, slowest {max(found):.0f} ms",
            target="p50 at most 1000 ms",
            met=median(found) <= 1000,
        )
        if name == "the way in":
            enter(page, ours.house)


def _soon(page: Page, expression: str) -> float:
    """What an expression comes to within ten seconds, null until then; `wait_for_function` would need eval."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        found = page.evaluate(expression)
        if found is not None:
            return float(found)
        page.wait_for_timeout(20)
    raise TimeoutError(expression)


def _painted(browser: Browser, ours: Measured) -> Row:
    with browser.new_context(base_url=ours.url) as context:
        page = context.new_page()
        page.goto("/")
        enter(page, ours.house)
        page.add_init_script(WATCH)
        page.goto("/")
        send(page, str(PIECES))
        answers(page).and_(page.locator("[aria-busy=false]")).wait_for()
        _soon(page, "painted.length || null")
        arrived, painted = page.evaluate("[arrived, painted]")
    waits = []
    for piece, at in arrived:
        shown = next((when for seen, when in painted if seen >= piece and when >= at), None)
        if piece >= 0 and shown is not None:
            waits.append(shown - at)
    p50, p99 = median(waits), percentile(waits, 0.99)
    return Row(
        name=f"from an event received to painted, {len(waits)} events, one every 20 ms",
        ours=f"p50 {p50:.0f} ms, p99 {p99:.0f} ms",
        target=f"p50 at most {3 * FRAME:.0f} ms (three frames)",
        met=p50 <= 3 * FRAME,
    )
