"""The console of a real house: its API, and its page in a real browser."""

import csv
import io
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journey.browsing import NARROW, WAIT, WIDE, enter, fill_in_as, opened, picture, sign_in_at_the_form
from tests.journey.house import House, running_house, sign_in
from tests.journey.talking import chat, eventually, messages, streamed

SLOW = "please wait 30 seconds"
FAST_SAMPLES = {"DOORWARD_CONSOLE_SAMPLE_PERIOD": "0.3"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    config = '[sign_in]\nclient_secret = "canary-client-secret"\n'
    with running_house(tmp_path_factory.mktemp("console"), environment=FAST_SAMPLES, config=config) as running:
        yield running


@pytest.fixture(scope="module")
def operator(house: House) -> Iterator[httpx2.Client]:
    """A program of an operator, at the operators' part of the API."""
    with httpx2.Client(base_url=f"{house.front_door}/api/operator", trust_env=False, timeout=30) as client:
        client.headers.update(house.bearer(2))
        yield client


def got(client: httpx2.Client, path: str, **params: Any) -> Any:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, (path, answer.text)
    return answer.json()


def test_the_doors_are_measured_in_both_processes(house: House, operator: httpx2.Client) -> None:
    with house.client() as client:
        chat(client, "hello", house.bearer())
        assert client.get("/api/me").status_code == 401
        httpx2.post(f"{house.ready['agent_door']}/runtimes/hello/invocations", json={}, trust_env=False, timeout=30)

    def measured() -> Any:
        series = got(operator, "/metrics", window="hour")
        doors = {door["door"]: door for door in series["doors"]}
        both = {"front_door", "agent_door"} <= doors.keys()
        refused = len(series["refused"]) >= 2
        return series if both and refused and any(doors["agent_door"]["p95"]) else None

    series = eventually(measured, seconds=30)
    assert "unauthenticated" in series["refused"]
    assert all(len(values) == len(series["at"]) for values in series["refused"].values())
    assert max(series["tokens_today"]) > 0
    eventually(lambda: got(operator, "/metrics", window="day")["at"], seconds=30)
    now = got(operator, "/now")
    states = {door["door"]: door["state"] for door in now["doors"]}
    assert states == {"front_door": "open", "agent_door": "open", "tool_door": "absent", "model_door": "absent"}
    assert (now["silent"], now["turns_today"] > 0) == ([], True)


def test_a_running_turn_is_seen_and_stopped_and_its_user_is_told(house: House, operator: httpx2.Client) -> None:
    assert got(operator, "/turns") == {"turns": [], "total": 0}
    bearer, codes = house.bearer(), list[str]()
    begun = threading.Event()

    def talk() -> None:
        with house.client() as client, streamed(client, SLOW, bearer) as (_, events):
            for event in events:
                begun.set()
                codes.append(str(event.data.get("code", "")))

    talking = threading.Thread(target=talk)
    talking.start()
    assert begun.wait(30)
    (turn,) = got(operator, "/turns")["turns"]
    assert turn["username"] == "user-one"
    assert "wait" not in str(turn)
    stopped = operator.post(f"/turns/{turn['turn_id']}/stop")
    assert (stopped.status_code, stopped.json()["status"]) == (200, "cancelled")
    talking.join(30)
    assert codes[-1] == "turn_stopped"
    assert got(operator, "/turns")["total"] == 0
    assert operator.post(f"/turns/{turn['turn_id']}/stop").status_code == 404
    with house.client() as client:
        assert messages(client, turn["session_id"], bearer)[0]["content"] == SLOW


def test_a_request_is_told_across_the_doors(house: House, operator: httpx2.Client) -> None:
    bearer = house.bearer(1)
    with house.client() as client:
        first = chat(client, "hello", bearer)
        chat(client, "what time is it in Oslo?", bearer, first["session_id"])

    def both() -> Any:
        found = got(operator, "/ledger", session_id=first["session_id"], limit=100)["entries"]
        return found if [entry["door"] for entry in found].count("agent_door") >= 2 else None

    entries = eventually(both, seconds=30)
    assert {entry["chain"] for entry in entries} == {"gateway", "runtime"}
    assert [entry["at"] for entry in entries] == sorted((entry["at"] for entry in entries), reverse=True)
    asked = next(entry for entry in entries if entry["turn_id"] == first["turn_id"])
    for near in ({}, {"near": asked["at"]}):
        story = got(operator, f"/requests/{asked['request_id']}", **near)
        doors = [(entry["door"], entry["action"]) for entry in story["entries"]]
        assert doors[:2] == [("front_door", "POST /api/chat"), ("agent_door", "InvokeAgentRuntime")]
        assert [turn["turn_id"] for turn in story["turns"]] == [first["turn_id"]]
        assert story["complete"]


def test_the_ledger_is_filtered_paged_and_exported_alike(house: House, operator: httpx2.Client) -> None:
    with house.client() as client:
        for _ in range(7):
            client.get("/api/me", headers={"authorization": "Bearer nonsense"})
    wanted = {"door": "front_door", "code": "token_malformed", "verdict": "deny"}
    eventually(lambda: len(got(operator, "/ledger", **wanted, limit=100)["entries"]) == 7, seconds=30)
    paged, cursor = list[dict[str, Any]](), {}
    while True:
        page = got(operator, "/ledger", **wanted, limit=3, **cursor)
        paged += page["entries"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(paged) == 7
    exported = got(operator, "/ledger/export.json", **wanted)
    assert exported == {"entries": paged, "unread": []}
    table = operator.get("/ledger/export.csv", params=wanted)
    assert table.headers["content-disposition"] == 'attachment; filename="ledger.csv"'
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["hash"] for row in rows] == [entry["hash"] for entry in paged]
    since = paged[2]["at"]
    newer = got(operator, "/ledger", **wanted, since=since)["entries"]
    assert newer == [entry for entry in paged if entry["at"] >= since]
    assert operator.get("/ledger", params={**wanted, "cursor": "x"}).json()["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/ledger", {"since": "yesterday"}, "invalid_parameter"),
        ("/ledger", {"since": "2026-01-01T00:00:00"}, "invalid_parameter"),
        ("/ledger", {"verdict": "maybe"}, "invalid_parameter"),
        ("/ledger", {"limit": "0"}, "invalid_parameter"),
        ("/ledger", {"order": "asc"}, "unknown_parameter"),
        ("/metrics", {"window": "year"}, "invalid_parameter"),
        ("/users", {"q": ""}, "invalid_parameter"),
    ],
)
def test_what_does_not_fit_is_refused(operator: httpx2.Client, path: str, params: dict[str, str], code: str) -> None:
    answer = operator.get(path, params=params)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_the_chains_are_verified_when_asked(operator: httpx2.Client) -> None:
    begun = operator.post("/ledger/chains/verify")
    assert begun.status_code == 202

    def done() -> Any:
        chains = got(operator, "/ledger/chains")["chains"]
        return chains if all(not chain["walking"] and chain["verified_to"] for chain in chains) else None

    chains = eventually(done, seconds=30)
    assert [(chain["chain"], chain["state"]) for chain in chains] == [("gateway", "holds"), ("runtime", "holds")]


def test_a_user_is_added_disabled_and_enabled_and_made_an_operator(house: House, operator: httpx2.Client) -> None:
    added = operator.post("/users", json={"username": "robin", "email": "robin@example.com"})
    assert added.status_code == 201, added.text
    user, password = added.json()["user"], added.json()["password"]
    assert operator.post("/users", json={"username": "Robin"}).json()["code"] == "username_taken"
    assert [each["username"] for each in got(operator, "/users", q="robin@")["users"]] == ["robin"]

    def me(headers: dict[str, str]) -> httpx2.Response:
        with house.client() as client:
            return client.get("/api/me", headers=headers)

    bearer = {"authorization": f"Bearer {sign_in(house.ready, 'robin', password)['access_token']}"}
    assert me(bearer).json()["username"] == "robin"
    one = f"/users/{user['subject']}"
    assert operator.post(f"{one}/disable").json()["disabled"]
    eventually(lambda: me(bearer).status_code == 401)
    assert not operator.post(f"{one}/enable").json()["disabled"]
    eventually(lambda: me(bearer).status_code == 200)
    assert operator.put(f"{one}/roles", json={"roles": ["operator"]}).json()["roles"] == ["operator"]
    theirs = {"authorization": f"Bearer {sign_in(house.ready, 'robin', password)['access_token']}"}
    with house.client() as client:
        assert client.get("/api/operator/now", headers=theirs).status_code == 200
        assert client.get("/api/me", headers=theirs).json()["actor_id"] == user["actor_id"]
        assert operator.put(f"{one}/roles", json={"roles": []}).status_code == 200
        eventually(lambda: client.get("/api/operator/now", headers=theirs).status_code == 404)
    assert operator.post(f"{one}/end-sessions").status_code == 200
    said = got(operator, "/ledger", door="console", user=user["subject"])["entries"]
    assert [entry["action"] for entry in reversed(said)] == [
        "user add",
        "user disable",
        "user enable",
        "user roles",
        "user roles",
        "user end-sessions",
    ]


def test_an_operator_keeps_their_own_account(operator: httpx2.Client) -> None:
    (own,) = got(operator, "/users", q="operator")["users"]
    assert operator.post(f"/users/{own['subject']}/disable").json()["code"] == "own_account"
    assert operator.put(f"/users/{own['subject']}/roles", json={"roles": []}).json()["code"] == "own_account"
    assert operator.post("/users/nobody/disable").json()["code"] == "user_not_found"


def test_what_is_in_force_is_told_with_its_source_and_without_secrets(operator: httpx2.Client) -> None:
    settings = {each["key"]: each for each in got(operator, "/settings")["settings"]}
    period = settings["console.sample_period"]
    assert (period["value"], period["source"]) == ("0.3", "environment")
    assert period["origin"] == "DOORWARD_CONSOLE_SAMPLE_PERIOD"
    assert (settings["sign_in.client_secret"]["value"], settings["sign_in.client_secret"]["source"]) == (
        '"**********"',
        "file",
    )
    assert settings["gateway.public_url"]["source"] == "start"
    assert settings["gateway.port"]["source"] == "command line"
    assert "canary" not in str(settings)


def test_the_check_up_is_run_when_asked(operator: httpx2.Client) -> None:
    remarks = [(each["state"], each["text"]) for each in got(operator, "/doctor")["remarks"]]
    assert any(state == "ok" and text.startswith("agent door") for state, text in remarks)
    assert any(state == "note" and text.startswith("twin model") for state, text in remarks)
    assert not [text for state, text in remarks if state == "bad"]


# The page of the same house, in a real browser.

SECTIONS = {
    "Now": ("/console", ".chart canvas"),
    "Ledger": ("/console/ledger", ".entries tbody tr"),
    "Running": ("/console/turns", "main h2"),
    "Users": ("/console/users", "table tbody tr"),
    "Settings": ("/console/settings", "table tbody tr"),
    "Doctor": ("/console/doctor", ".remarks li"),
}
AXE = Path(__file__).parents[2] / "page" / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = {"wide": WIDE, "narrow": NARROW}
OPERATOR = 2


@contextmanager
def console(browser: Browser, house: House, path: str = "/console", **options: Any) -> Iterator[Page]:
    """The console, with the operator signed in."""
    with opened(browser, house, "/", **options) as page:
        enter(page, house, OPERATOR)
        page.goto(path)
        yield page


def test_the_doors_are_drawn_and_charts_show_what_went_through(browser: Browser, house: House) -> None:
    with house.client() as client:
        chat(client, "hello", house.bearer())
        client.get("/api/me")
    with console(browser, house) as page:
        front = page.locator('[data-door="front_door"]')
        expect(front).to_contain_text("let in")
        expect(front.locator(".in")).not_to_have_text("0/s", timeout=WAIT)
        expect(page.locator('[data-door="tool_door"]')).to_contain_text("not in this house")
        expect(page.locator(".chart")).to_have_count(6)
        page.wait_for_function(PAINTED, timeout=WAIT)
        chart = page.locator(".chart").filter(has_text="Requests per second")
        expect(chart.get_by_role("img")).to_have_accessible_name(re.compile("Front door: latest .*Agent door: latest"))
        chart.get_by_text("As a table").click()
        expect(chart.get_by_role("row").nth(1)).to_contain_text(":")
        page.get_by_role("combobox", name="Door").select_option("agent_door")
        page.get_by_text("Day", exact=True).click()
        expect(page).to_have_url(re.compile(r"/console\?window=day$"))
        expect(page.get_by_role("heading", name="The last day")).to_be_visible()


# Some point of every chart has a colour.
PAINTED = """() => {
  const all = [...document.querySelectorAll('.chart canvas')];
  return all.length >= 4 && all.every((canvas) =>
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0));
}"""


def test_a_search_of_the_ledger_stands_in_the_address_and_leads_to_a_story(
    browser: Browser, house: House, operator: httpx2.Client
) -> None:
    with house.client() as client:
        answer = chat(client, "hello", house.bearer(1))
    eventually(lambda: got(operator, "/ledger", session_id=answer["session_id"])["entries"], seconds=30)
    with console(browser, house, "/console/ledger") as page:
        rows = page.locator(".entries tbody tr")
        expect(rows.first).to_be_visible()
        expect(page.get_by_role("list").filter(has_text="runtime")).to_contain_text("holds")
        page.get_by_label("User", exact=True).fill("user-two")
        page.get_by_role("combobox", name="Door").select_option("agent_door")
        page.get_by_role("button", name="Search").click()
        expect(page).to_have_url(re.compile(r"\?user=user-two&door=agent_door$"))
        expect(rows.first).to_contain_text("for user-two")
        assert {row.strip() for row in rows.locator("td:nth-child(2)").all_inner_texts()} == {"Agent door"}
        page.reload()
        expect(page.get_by_label("User", exact=True)).to_have_value("user-two")
        expect(rows.first).to_contain_text("for user-two")
        with page.expect_download() as download:
            page.get_by_role("link", name="Export CSV").click()
        table = list(csv.DictReader(download.value.path().read_text().splitlines()))
        assert {row["door"] for row in table} == {"agent_door"}
        rows.last.get_by_role("link").click()
        steps = page.locator(".steps > li")
        expect(steps.first).to_contain_text("Front door")
        expect(steps.nth(1)).to_contain_text("Agent door")
        expect(page.get_by_text("Turns that it began")).to_be_visible()
        assert _violations(page) == []
        page.go_back()
        expect(rows.first).to_contain_text("for user-two")
        page.get_by_role("link", name="Ledger").click()
        expect(page.get_by_label("Without what the console was shown")).to_be_checked()
        expect(rows.first).to_be_visible()
        assert not rows.filter(has_text="GET /api/operator").filter(has_not_text="deny").count()
        page.goto("/console/ledger?code=nothing_of_the_kind")
        expect(page.get_by_text("No entry fits.")).to_be_visible()
        page.get_by_role("button", name="Verify from the start").click()
        expect(page.get_by_role("list").filter(has_text="runtime")).to_contain_text("verified, last at", timeout=WAIT)


def test_after_sign_in_an_operator_lands_at_the_search_that_was_asked_for(browser: Browser, house: House) -> None:
    asked = "/console/ledger?user=%C3%A4nne%40example.com&code=over+limit"
    with opened(browser, house, asked) as page:
        page.get_by_role("button", name="Sign in").click()
        sign_in_at_the_form(page, house, OPERATOR)
        expect(page.get_by_label("User", exact=True)).to_have_value("änne@example.com")
        assert page.url.endswith(asked)


def test_a_session_that_ends_in_the_console_is_said_and_a_role_that_is_gone_closes_it(
    browser: Browser, house: House, operator: httpx2.Client
) -> None:
    """AP-SES-08: the API says to nobody, and to who is no operator any more, that there is nothing."""
    added = operator.post("/users", json={"username": "wren", "roles": ["operator"]}).json()
    wren = {"username": "wren", "password": added["password"]}
    with opened(browser, house, "/console/users") as page:
        page.get_by_role("button", name="Sign in").click()
        fill_in_as(page, wren)
        expect(page.get_by_role("row").filter(has_text="wren")).to_be_visible()
        page.context.clear_cookies(name="doorward_session")
        page.get_by_label("Search users").fill("wren")
        page.get_by_role("button", name="Sign in again").click()
        expect(page.get_by_role("row").filter(has_text="wren")).to_be_visible()  # the issuer still knows her
        assert operator.put(f"/users/{added['user']['subject']}/roles", json={"roles": []}).status_code == 200
        page.get_by_label("Search users").fill("robin")
        page.get_by_role("button", name="Sign in again").click()
        fill_in_as(page, wren)  # who has other roles is asked for the password
        expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()


def test_an_operator_adds_a_user_disables_them_and_makes_them_an_operator(browser: Browser, house: House) -> None:
    with console(browser, house, "/console/users") as page:
        page.get_by_role("button", name="Add a user").click()
        assert _violations(page) == []
        page.get_by_label("Name", exact=True).fill("user-one")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("alert")).to_have_text("This user name is taken.")
        page.get_by_label("Name", exact=True).fill("sparrow")
        page.get_by_role("button", name="Add", exact=True).click()
        password = page.locator(".password code").inner_text()
        page.get_by_role("button", name="Done").click()
        bearer = {"authorization": f"Bearer {sign_in(house.ready, 'sparrow', password)['access_token']}"}
        row = page.get_by_role("row").filter(has_text="sparrow@")

        def choose(what: str, sure: str = "") -> None:
            row.get_by_role("button", name="Actions for sparrow").click()
            page.get_by_role("menuitem", name=what).click()
            if sure:
                page.get_by_role("dialog").get_by_role("button", name=sure, exact=True).click()

        choose("Make an operator", "Make an operator")
        expect(row).to_contain_text("operator")
        choose("Disable", "Disable")
        expect(row).to_contain_text("disabled")
        with house.client() as client:
            eventually(lambda: client.get("/api/me", headers=bearer).status_code == 401)
            choose("Enable")
            expect(row).to_contain_text("enabled")
            eventually(lambda: client.get("/api/me", headers=bearer).status_code == 200)
        page.get_by_label("Search users").fill("nobody of that name")
        expect(page.get_by_text("No user fits.")).to_be_visible()


def test_an_operator_stops_a_turn_on_the_page(browser: Browser, house: House) -> None:
    bearer, codes, begun = house.bearer(), list[str](), threading.Event()

    def talk() -> None:
        with house.client() as client, streamed(client, SLOW, bearer) as (_, events):
            for event in events:
                begun.set()
                codes.append(str(event.data.get("code", "")))

    talking = threading.Thread(target=talk)
    talking.start()
    assert begun.wait(30)
    with console(browser, house, "/console/turns") as page:
        page.get_by_role("button", name="Stop the turn of user-one").click()
        page.get_by_role("dialog").get_by_role("button", name="Stop").click()
        expect(page.get_by_text("The turn of user-one is stopped.")).to_be_visible()
        expect(page.get_by_text("No turn runs.")).to_be_visible()
    talking.join(30)
    assert codes[-1] == "turn_stopped"


def test_an_operator_ends_a_session_and_switches_the_agent_off_and_on(browser: Browser, house: House) -> None:
    bearer = house.bearer(1)
    with house.client() as client:
        chat(client, "hello", bearer)
        with console(browser, house, "/console/turns") as page:
            ends = page.get_by_role("button", name="End the session of user-two")
            expect(ends.first).to_be_visible()
            before = ends.count()
            ends.first.click()
            page.get_by_role("dialog").get_by_role("button", name="End", exact=True).click()
            expect(page.get_by_text("The session of user-two is ended.")).to_be_visible(timeout=WAIT)
            expect(ends).to_have_count(before - 1, timeout=WAIT)
            page.get_by_role("button", name="Stop the agent hello").click()
            page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
            try:
                expect(page.get_by_role("list").filter(has_text="hello")).to_contain_text("stopped", timeout=WAIT)
                refused = client.post("/api/chat", json={"message": "hello"}, headers=bearer)
                assert (refused.status_code, refused.json()["code"]) == (502, "agent_stopped")
            finally:
                page.get_by_role("button", name="Let the agent hello run again").click()
                page.get_by_role("dialog").get_by_role("button", name="Let it run", exact=True).click()
            expect(page.get_by_role("list").filter(has_text="hello")).to_contain_text("may run", timeout=WAIT)
        chat(client, "hello", bearer)


def test_what_does_not_answer_and_what_cannot_be_read_is_said(
    browser: Browser, house: House, operator: httpx2.Client
) -> None:
    """A gateway that was started on a machine of its own: the runtime's chain is not there, and it does not answer."""
    chain = next(house.data.rglob("runtime.db"))
    aside = chain.with_name("aside.db")
    runtime = house.pid("runtime")
    with console(browser, house) as page:
        try:
            os.kill(runtime, signal.SIGSTOP)
            chain.rename(aside)
            started_again(house)
            eventually(lambda: got(operator, "/now")["silent"], seconds=30)
            page.reload()
            expect(page.get_by_text("The metrics of the runtime do not come")).to_be_visible()
            expect(page.locator('[data-door="agent_door"]')).to_contain_text("does not answer")
            expect(page.locator('[data-door="front_door"]')).to_contain_text("let in")
            page.get_by_role("link", name="Ledger").click()
            expect(page.get_by_text("The chain of the runtime is not on this machine")).to_be_visible()
            expect(page.locator(".entries tbody tr").first).to_contain_text("Front door")
            assert _violations(page) == []
        finally:
            aside.rename(chain)
            os.kill(runtime, signal.SIGCONT)
            started_again(house)
        page.reload()
        expect(page.locator(".entries tbody tr").first).to_be_visible()
        expect(page.get_by_text("The chain of the runtime")).to_have_count(0)
        eventually(lambda: not got(operator, "/now")["silent"], seconds=30)
        page.get_by_role("link", name="Now").click()
        expect(page.locator('[data-door="agent_door"]')).not_to_contain_text("does not answer")


def started_again(house: House) -> None:
    """The gateway, by the supervisor."""
    before = house.pid("gateway")
    os.kill(before, signal.SIGKILL)
    eventually(lambda: house.pid("gateway") not in (0, before), seconds=30)

    def answers() -> bool:
        with suppress(httpx2.HTTPError), house.client() as client:
            return client.get("/healthz").status_code < 500
        return False

    eventually(answers, seconds=30)


def test_settings_and_the_check_up_are_shown_without_secrets(browser: Browser, house: House) -> None:
    with console(browser, house, "/console/settings") as page:
        rows = page.locator("table tbody tr")
        expect(rows.filter(has_text="sign_in.client_secret")).to_contain_text("**********")
        assert "canary" not in page.content()
        page.get_by_label("Only what is not a default").check()
        page.get_by_label("Search settings").fill("sample_period")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("DOORWARD_CONSOLE_SAMPLE_PERIOD")
        page.get_by_role("link", name="Doctor").click()
        expect(page.get_by_text("agent door at")).to_contain_text("answers 200")
        page.get_by_role("button", name="Run it again").click()
        expect(page.get_by_text("agent door at")).to_contain_text("answers 200")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_view_is_accessible_and_fits(
    browser: Browser, house: House, tmp_path: Path, width: str, dark: bool
) -> None:
    with house.client() as client:
        chat(client, "hello", house.bearer())
    with console(browser, house, size=WIDTHS[width], dark=dark) as page:
        for name, (path, there) in SECTIONS.items():
            page.goto(path)
            expect(page.locator(there).first).to_be_visible()
            here = page.get_by_role("link", name=name, exact=True)
            expect(here).to_have_attribute("aria-current", "page")
            expect(here).to_be_in_viewport(ratio=1)
            assert _violations(page) == [], name
            assert page.evaluate(TOO_WIDE) <= 0, name
            picture(page, tmp_path, f"console-{name.lower()}-{width}-{'dark' if dark else 'light'}")


TOO_WIDE = "(({scrollWidth, clientWidth}) => scrollWidth - clientWidth)(document.querySelector('.console'))"


def _violations(page: Page) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)")
    return [f"{each['id']}: {[node['html'][:160] for node in each['nodes'][:3]]}" for each in found]


def test_the_console_works_with_the_keyboard_alone(browser: Browser, house: House) -> None:
    with console(browser, house, "/console/users") as page:
        button = page.get_by_role("button", name="Actions for user-one")
        expect(button).to_be_visible()
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the content")).to_be_focused()
        button.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("menuitem").first).to_be_focused()
        page.keyboard.press("End")
        expect(page.get_by_role("menuitem", name="Disable")).to_be_focused()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Disable user-one?")
        expect(dialog).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        page.get_by_role("link", name="Now").focus()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/console$"))


def test_to_whoever_is_no_operator_there_is_no_such_page(browser: Browser, house: House) -> None:
    """AP-SES-08: nor is anything of operators asked for."""
    with opened(browser, house, "/console") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.get_by_role("button", name="Sign in").click()
        sign_in_at_the_form(page, house, 0)
        expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
        expect(page).to_have_url(re.compile("/console$"))
        nowhere = page.locator("#app").inner_text()
        page.goto("/console/ledger")
        expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
        assert page.locator("#app").inner_text() == nowhere
        assert not [url for url in asked if "/api/operator" in url or "onsole.js" in url]
        page.get_by_role("link", name="Back to the chat").click()
        page.get_by_role("button", name=re.compile("^Account")).click()
        expect(page.get_by_role("menuitem", name="Sign out", exact=True)).to_be_visible()
        expect(page.get_by_role("menuitem", name="Console")).to_have_count(0)
