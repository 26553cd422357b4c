"""The built-in page is served whole, cached well, and cannot load or call anything foreign."""

import re
from pathlib import Path

import msgspec
import pytest
from tests.unit.front_door.api_harness import front_door

from doorward.errors import ConfigurationError
from doorward.front_door import page
from doorward.front_door.page import ASSETS, TYPES, WEB, DirectConfig, PageConfig, page_routes
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
        for path in ASSETS.iterdir():
            status, headers, body = await call("GET", f"/assets/{path.name}", user=None)
            assert (status, headers["content-type"], body) == (200, TYPES[path.suffix], path.read_bytes())
        for place in (
            "/",
            "/c/0123456789-0123456789-0123456789-01",
            "/console",
            "/console/ledger",
            "/console/ledger/1",
        ):
            status, headers, body = await call("GET", place, user=None)
            assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert body == (WEB / "index.html").read_bytes()


async def test_only_the_files_of_the_page_are_served() -> None:
    """AP-HTP-12."""
    async with front_door(routes()) as call:
        for path in (
            "/assets/",
            "/assets/index.html",
            "/assets/..%2fpage.py",
            "/assets/app.js.map",
            "/index.html",
            "/c",
        ):
            status, _, _ = await call("GET", path, user=None)
            assert status in (400, 403, 404), path


async def test_a_file_goes_compressed_to_whoever_takes_it() -> None:
    plain = (ASSETS / "app.js").read_bytes()
    async with front_door(routes()) as call:
        for accepted, compressed in {
            "gzip, br": True,
            "br;q=1, gzip;q=0.5": True,
            "gzip;q=0": False,
            "br": False,
        }.items():
            _, headers, body = await call("GET", "/assets/app.js", user=None, headers={"accept-encoding": accepted})
            assert (headers.get("content-encoding") == "gzip") is compressed, accepted
            assert body == plain  # the client decompresses


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_a_file_that_the_browser_has_is_not_sent_again(encoding: str) -> None:
    async with front_door(routes()) as call:
        accepted = {"accept-encoding": encoding}
        _, headers, _ = await call("GET", "/assets/app.js", user=None, headers=accepted)
        known = accepted | {"if-none-match": f'"x", W/{headers["etag"]}'}
        status, again, body = await call("GET", "/assets/app.js", user=None, headers=known)
    assert (status, body, again["etag"]) == (304, b"", headers["etag"])


async def test_a_page_that_is_not_built_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "WEB", tmp_path)
    with pytest.raises(ConfigurationError, match="make page"):
        routes()


async def test_the_policy_lets_nothing_foreign_in() -> None:
    """AP-TOL-11."""
    async with front_door(routes()) as call:
        _, headers, _ = await call("GET", "/", user=None)
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["trusted-types"] == "'none'"
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
        "on_busy": "reject",
        "console": False,
        "direct": None,
    }
