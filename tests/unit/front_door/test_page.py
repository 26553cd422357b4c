"""The built-in page is served whole, cached well, and cannot load or call anything foreign."""

import re

import msgspec
import pytest
from tests.unit.front_door.api_harness import front_door

from doorward.front_door.page import ASSETS, WEB, DirectConfig, PageConfig, page_routes
from doorward.http.routes import Route

pytestmark = pytest.mark.anyio
DIRECT = DirectConfig(
    agent_door="http://127.0.0.1:8080",
    agent_arn="arn:agent",
    issuer="https://issuer.test",
    authorize_endpoint="https://issuer.test/authorize",
    token_endpoint="https://tokens.issuer.test/token",
    end_session_endpoint="",
    client_id="doorward-browser",
)


def routes(direct: DirectConfig | None = None) -> list[Route]:
    pattern = "direct" if direct else "conversations"
    return page_routes(
        PageConfig(pattern=pattern, model="rehearsal", rehearsal=True, max_message_characters=100, direct=direct)
    )


async def test_every_file_of_the_page_is_served_with_its_type() -> None:
    async with front_door(routes()) as call:
        for name, kind in ASSETS.items():
            status, headers, body = await call("GET", f"/assets/{name}", user=None)
            assert (status, headers["content-type"], body) == (200, kind, (WEB / name).read_bytes())
        status, headers, body = await call("GET", "/", user=None)
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert body == (WEB / "index.html").read_bytes()


async def test_only_listed_files_are_served() -> None:
    """AP-HTP-12."""
    assert {path.name for path in WEB.iterdir()} == {*ASSETS, "index.html"}
    async with front_door(routes()) as call:
        for path in ("/assets/", "/assets/index.html", "/assets/..%2fpage.py", "/assets/app.js.map", "/index.html"):
            status, _, _ = await call("GET", path, user=None)
            assert status in (400, 403, 404), path


async def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    async with front_door(routes()) as call:
        _, headers, _ = await call("GET", "/assets/app.js", user=None)
        status, again, body = await call(
            "GET", "/assets/app.js", user=None, headers={"if-none-match": f'"x", W/{headers["etag"]}'}
        )
    assert (status, body, again["etag"]) == (304, b"", headers["etag"])


async def test_the_policy_lets_nothing_foreign_in() -> None:
    """AP-TOL-11."""
    async with front_door(routes()) as call:
        _, headers, _ = await call("GET", "/", user=None)
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]


async def test_direct_may_call_the_agent_door_and_the_issuer_and_nobody_else() -> None:
    async with front_door(routes(DIRECT)) as call:
        _, headers, _ = await call("GET", "/?code=x&state=y", user=None)
        _, _, body = await call("GET", "/page-config.json", user=None)
    connect = re.search(r"connect-src ([^;]*)", headers["content-security-policy"])
    assert connect is not None
    assert connect[1] == "'self' http://127.0.0.1:8080 https://tokens.issuer.test"
    assert msgspec.json.decode(body)["direct"]["agent_arn"] == "arn:agent"


async def test_only_direct_says_where_the_agent_is() -> None:
    async with front_door(routes()) as call:
        _, _, body = await call("GET", "/page-config.json", user=None)
    assert msgspec.json.decode(body) == {
        "pattern": "conversations",
        "model": "rehearsal",
        "rehearsal": True,
        "max_message_characters": 100,
        "direct": None,
    }


async def test_the_page_never_makes_markup_out_of_text() -> None:
    """LLM05: text goes in through textContent alone."""
    for path in WEB.glob("*.js"):
        source = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", source)
