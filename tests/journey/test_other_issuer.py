"""An OIDC issuer that nobody here wrote: the npm package oidc-provider, its own forms, its own tokens, real HTTP."""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from tests.journey.browsing import WAIT
from tests.journey.house import Form, House, free_port, running_house
from tests.journey.other_issuer import issuer, own_forms
from tests.journey.talking import chat

TENANTS = ("acme.ann", "acme.bob", "other.dora")
PROGRAM = "http://127.0.0.1:8484/callback"
API = "urn:doorward:api"


@pytest.fixture(scope="module", params=["conversations", "front-door"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose users sign in at the other issuer."""
    front, port = free_port(), free_port()
    public = {
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "application_type": "native",
    }
    home = f"http://127.0.0.1:{front}"
    web = {
        "client_id": "web",
        "client_secret": "a-secret-of-the-web-client-7",
        "redirect_uris": [f"{home}/session/callback"],
        "post_logout_redirect_uris": [f"{home}/"],
    }
    programs = [{**public, "client_id": name, "redirect_uris": [PROGRAM]} for name in ("program", "stranger")]
    with issuer([web, *programs], port=port) as url:
        config = f"""
            [sign_in]
            issuer = "{url}"
            client_id = "web"
            client_secret = "a-secret-of-the-web-client-7"
            clients_allowed = ["web", "program"]
            role_claim = "groups"
            tenant_claim = "org"
            [budget]
            tenant_tokens_per_day = 20000
        """
        folder = tmp_path_factory.mktemp(request.param)
        with running_house(folder, "--pattern", request.param, "--port", str(front), config=config) as running:
            yield running


def tokens(house: House, login: str, *, client_id: str = "program", resource: str = API) -> dict[str, Any]:
    """A program signs in at the issuer by authorization code and PKCE."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": PROGRAM,
        "scope": "openid chat",
        "resource": resource,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    with httpx2.Client(trust_env=False, timeout=30) as browser:
        start = browser.get(house.ready["authorize_endpoint"], params=asked)
        back = own_forms(browser, start, login)
        code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
        given = browser.post(
            house.ready["token_endpoint"],
            data={
                "grant_type": "authorization_code",
                "client_id": client_id,
                "code": code,
                "redirect_uri": PROGRAM,
                "code_verifier": verifier,
                "resource": resource,
            },
        )
    assert given.status_code == 200, given.text
    found: dict[str, Any] = given.json()
    return found


def signed_in(house: House, browser: httpx2.Client, login: str) -> None:
    start = browser.get(f"{house.front_door}/session/sign-in")
    assert (start.status_code, start.headers["location"].split("?")[0]) == (303, house.ready["authorize_endpoint"])
    back = own_forms(browser, start, login)
    callback = browser.get(back.headers["location"])
    assert (callback.status_code, callback.headers["location"]) == (303, "/"), callback.text


def ask(house: House, client: httpx2.Client, headers: dict[str, str]) -> httpx2.Response:
    if house.ready["pattern"] == "conversations":
        return client.post(f"{house.front_door}/api/chat", json={"message": "hello"}, headers=headers)
    return client.post(f"{house.front_door}/chat", json={"prompt": "hello"}, headers=headers)


def test_the_ready_file_names_the_issuer_and_its_endpoints(house: House) -> None:
    ready = house.ready
    assert ready["users"] == []
    assert ready["authorize_endpoint"] == f"{ready['issuer']}/auth"
    assert ready["token_endpoint"] == f"{ready['issuer']}/token"
    with house.client() as client:
        assert client.get("/.well-known/openid-configuration").status_code == 404


def test_an_access_token_of_the_issuer_opens_the_front_door(house: House) -> None:
    bearer = {"authorization": f"Bearer {tokens(house, 'ada')['access_token']}"}
    runs = house.runs()
    with house.client() as client:
        me = client.get("/api/me", headers=bearer).json()
        assert (me["issuer"], me["subject"]) == (house.ready["issuer"], "ada")
        assert ask(house, client, bearer).status_code == 200
    assert house.runs() == runs + 1


def test_a_browser_signs_in_through_the_issuers_own_forms_and_out_again(house: House) -> None:
    with house.client() as browser:
        signed_in(house, browser, "ada")
        me = browser.get("/api/me").json()
        assert (me["subject"], me["username"], me["email"]) == ("ada", "the-ada", "ada@doorward.example")
        csrf = {"x-csrf-token": me["csrf_token"], "origin": house.front_door}
        assert ask(house, browser, {"origin": house.front_door}).status_code == 403
        answer = ask(house, browser, csrf)
        assert answer.status_code == 200, answer.text
        out = browser.post("/session/sign-out", headers=csrf)
        assert out.status_code == 200, out.text
        assert browser.get("/api/me").status_code == 401
        leave = browser.get(out.json()["redirect_to"])
        form = Form()
        form.feed(leave.text)
        left = browser.post(form.action, data={**form.fields, "logout": "yes"})
        assert (left.status_code, left.headers["location"]) == (303, f"{house.front_door}/")
        again = browser.get(browser.get("/session/sign-in").headers["location"], follow_redirects=True)
        assert 'name="login"' in again.text, "the issuer's own session is over too"


def test_a_user_is_the_same_by_token_and_by_browser_session_and_nobody_else(house: House) -> None:
    with house.client() as browser, house.client() as client:
        signed_in(house, browser, "noor")
        by_token = {"authorization": f"Bearer {tokens(house, 'noor')['access_token']}"}
        other = {"authorization": f"Bearer {tokens(house, 'bob')['access_token']}"}
        by_session = browser.get("/api/me").json()
        assert client.get("/api/me", headers=by_token).json()["actor_id"] == by_session["actor_id"]
        assert client.get("/api/me", headers=other).json()["actor_id"] != by_session["actor_id"]
        if house.ready["pattern"] == "conversations":
            session_id = chat(client, "hello", by_token)["session_id"]
            assert browser.get(f"/api/conversations/{session_id}").status_code == 200
            assert client.get(f"/api/conversations/{session_id}", headers=other).status_code == 404


def test_other_tokens_of_the_same_issuer_open_nothing(house: House) -> None:
    """AP-JWT-06: for another audience, of another client, of another kind."""
    mine = tokens(house, "ada")
    refused = {
        "token_type": mine["id_token"],
        "token_audience": tokens(house, "ada", resource="urn:another:api")["access_token"],
        "token_audience of a stranger": tokens(house, "ada", client_id="stranger")["access_token"],
        "token_signature": f"{mine['access_token'][:-8]}AAAAAAAA",
    }
    runs = house.runs()
    with house.client() as client:
        for code, token in refused.items():
            answer = ask(house, client, {"authorization": f"Bearer {token}"})
            assert (answer.status_code, answer.json()["code"]) == (401, code.split()[0])
    assert house.runs() == runs


def test_a_callback_that_this_browser_did_not_begin_is_refused(house: House) -> None:
    """AP-OAU-03."""
    with house.client() as mine, house.client() as other:
        back = own_forms(mine, mine.get("/session/sign-in"), "ada")
        assert other.get(back.headers["location"]).status_code == 403
        assert other.get("/api/me").status_code == 401


def test_users_of_a_tenant_share_one_budget_and_others_do_not(house: House) -> None:
    """AP-LIM-02: of 20 at once by two users of a tenant, 5 of 4,000 tokens fit into 20,000."""
    pattern = house.ready["pattern"]
    path, field = ("/api/chat", "message") if pattern == "conversations" else ("/chat", "prompt")
    users = {name: {"authorization": f"Bearer {tokens(house, name)['access_token']}"} for name in TENANTS}

    def send(name: str, message: str) -> int:
        with house.client() as client:
            return client.post(path, json={field: message}, headers=users[name]).status_code

    with ThreadPoolExecutor(20) as pool:
        sent = list(pool.map(lambda number: send(TENANTS[number % 2], "please wait 4 seconds"), range(20)))
    assert (sent.count(200), sent.count(429)) == (5, 15)
    assert send("other.dora", "hello") == 200
    assert send("acme.ann", "hello") == 200


def test_an_operator_of_another_issuer_has_the_console_and_is_told_where_users_are_kept(
    house: House, browser: Browser
) -> None:
    with browser.new_context(base_url=house.front_door) as context:
        page = context.new_page()
        page.goto("/console/users")
        page.get_by_role("button", name="Sign in").click()
        page.get_by_placeholder("Enter any login").fill("acme.ops")
        page.get_by_placeholder("and password").fill("any")
        page.get_by_role("button", name="Sign-in").click()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Users are kept elsewhere")).to_be_visible(timeout=WAIT)
        page.get_by_role("link", name="Now", exact=True).click()
        expect(page.locator('[data-door="front_door"]')).to_contain_text("let in", timeout=WAIT)
