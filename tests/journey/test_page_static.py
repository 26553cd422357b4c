"""The page as files at an origin of its own, as S3 and CloudFront serve it: it signs in by code and PKCE, keeps the
token in memory, and calls functions at another origin. A real browser, under the template's own policy."""

import functools
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest
import yaml
from click.testing import CliRunner
from playwright.sync_api import Browser, expect

from doorward.cli.main import root
from tests.journey.browsing import WAIT, answers, choose, enter, questions, rows, say
from tests.journey.house import House, running_house
from tests.journey.lambda_house import Cloud, processes
from tests.journey.leaking import TOKEN


class Files(http.server.SimpleHTTPRequestHandler):
    """A bucket behind a distribution: files, and the headers of the policy."""

    policy = ""
    instead: ClassVar[dict[int, tuple[int, str]]] = {}  # status of the bucket: status and file of the distribution

    def send_head(self) -> Any:
        if not Path(self.translate_path(self.path)).exists():
            status, file = self.instead[403]  # what the bucket says of what it does not have, to who may not list it
            assert status == 200
            self.path = file
        return super().send_head()

    def end_headers(self) -> None:
        self.send_header("content-security-policy", self.policy)
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, House]]:
    """The page's address, and the house whose sign-in and agent it uses."""
    folder = tmp_path_factory.mktemp("static")
    made = CliRunner().invoke(root, ["deploy", "aws", "--pattern", "conversations", "--out", str(folder / "aws")])
    assert made.exit_code == 0, made.output
    files = folder / "aws" / "page"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=str(files)))
    origin = f"http://127.0.0.1:{server.server_address[1]}"
    config = f"""
[front_door]
allowed_origins = ["{origin}"]

[[clients]]
client_id = "static"
redirect_uris = ["{origin}/"]
logout_uris = ["{origin}/"]
"""
    with running_house(folder / "house", config=config) as house:
        keys = httpx2.get(f"{house.front_door}/.well-known/jwks.json", trust_env=False, timeout=30).json()
        cloud = Cloud(issuer=house.front_door, keys=keys, origin=origin)
        cloud.start()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            _configure(folder / "aws", house, cloud.url)
            shutil.copytree(house.data / "keys", folder / "data" / "keys")
            variables = _environment(house, origin, folder / "data")
            with processes(cloud, {"chat": 2, "turns": 1, "conversations": 1}, variables, folder):
                yield origin, house
        finally:
            server.shutdown()
            server.server_close()
            cloud.stop()


def _configure(out: Path, house: House, api: str) -> None:
    """What `deploy.sh` does when the stack is there."""
    stack = {"ApiUrl": api, "Issuer": house.front_door, "ClientId": "static", "SignIn": house.front_door}
    text = (out / "page-config.json").read_text(encoding="utf-8")
    for name, value in stack.items():
        text = text.replace(f"@{name}@", value)
    filled = json.loads(text)
    filled["sign_in"] |= {  # the embedded sign-in has no scope of Cognito's resource servers
        "scope": "openid email profile",
        "end_session_endpoint": f"{house.front_door}/logout",
    }
    (out / "page" / "page-config.json").write_text(json.dumps(filled), encoding="utf-8")
    template = yaml.safe_load((out / "template.yaml").read_text(encoding="utf-8"))
    distribution = template["Resources"]["Page"]["Properties"]["DistributionConfig"]
    Files.instead = {
        one["ErrorCode"]: (one["ResponseCode"], one["ResponsePagePath"]) for one in distribution["CustomErrorResponses"]
    }
    headers = template["Resources"]["PageHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    policy = headers["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    policy = policy.replace("https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}", api)
    Files.policy = policy.replace("https://${UserPoolDomain}.auth.${AWS::Region}.amazoncognito.com", house.front_door)
    assert "$" not in Files.policy


def _environment(house: House, origin: str, data: Path) -> dict[str, str]:
    workload = house.ready["workload"]
    return {
        "AWS_ACCESS_KEY_ID": workload["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": workload["secret_access_key"],
        "DOORWARD_DATA": str(data),
        "DOORWARD_SIGN_IN_ISSUER": house.front_door,
        "DOORWARD_SIGN_IN_CLIENT_ID": "static",
        "DOORWARD_AGENT_URL": house.ready["agent_door"],
        "DOORWARD_FRONT_DOOR_ALLOWED_ORIGINS": origin,
    }


def test_a_person_signs_in_talks_and_finds_their_conversation_again(
    browser: Browser, static: tuple[str, House]
) -> None:
    origin, house = static
    with browser.new_context() as context:
        page = context.new_page()
        blocked: list[str] = []
        page.on("console", lambda said: blocked.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto(origin)
        enter(page, house)
        assert page.url.startswith(origin)
        say(page, "hello")
        expect(answers(page).first).to_contain_text("I am the rehearsal model", timeout=WAIT)
        stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
        assert TOKEN.search(stored) is None  # it is in memory alone
        expect(rows(page).first).to_contain_text("hello", ignore_case=True, timeout=WAIT)
        with page.expect_download() as taken:
            choose(page, rows(page).first.inner_text(), "Export as JSON")
        assert len(json.loads(taken.value.path().read_text())["messages"]) == 2
        with page.expect_download() as taken:
            choose(page, rows(page).first.inner_text(), "Export as Markdown")
        assert "hello" in taken.value.path().read_text()
        address = page.url
        assert "/c/" in address
        page.reload()  # the token is gone; the issuer still knows who it is
        page.get_by_role("button", name="Sign in").click()
        expect(questions(page).first).to_have_text("hello", timeout=WAIT)
        assert page.url == address
        assert blocked == []
