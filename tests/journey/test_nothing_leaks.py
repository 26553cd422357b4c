"""Nothing leaks: after a house was used in every way, with failures and crashes, all that was written is searched.

Secrets may stand in the key files, and the first users' passwords in theirs. What people wrote may stand in the tables
that keep conversations, and nowhere else: no log, no ledger, no metric, no span, no temporary file.
"""

import json
import os
import re
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import httpx2
import pytest

from tests.journey.collecting import collector
from tests.journey.house import Form, House, running_house
from tests.journey.talking import Headers, chat, eventually, streamed

WRITTEN = {
    "message": "canaryofamessage",
    "failing message": "canaryofafailure",
    "interrupted message": "canaryofaninterruption",
    "tool argument": "canaryofatoolargument",
    "name of a conversation": "canaryofaname",
    "search": "canaryofasearch",
    "body that is not valid": "canaryofabody",
    "message that is refused": "canaryofarefusal",
    "payload of a workload": "canaryofapayload",
}
TYPED = {
    "wrong password": "canary-of-a-password-7c1f",
    "unknown user": "canary-of-a-user-name",
    "password of another kind": "canary-of-a-basic-password",
    "forged token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.canaryofaforgedtoken",
}
KEEPS_TEXT = {"conversations", "messages", "turn_events", "search", "checkpoints"}
OPEN_FILES = {"first-users.json"}
# A virtual table has its content in other ones, which are listed too.
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"


@dataclass
class Walk:
    """What a house left: everything it said, by where it said it, its folder, and the secrets that were in use."""

    data: Path
    said: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    passwords: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """One house, used in every way, and down again."""
    with tempfile.TemporaryDirectory(prefix="dw") as scratch, collector() as spans:
        variables = {
            "DOORWARD_TELEMETRY_OTLP_ENDPOINT": spans.url,
            "DOORWARD_TELEMETRY_LOG_LEVEL": "debug",
            "TMPDIR": scratch,
        }
        with running_house(tmp_path_factory.mktemp("leaks"), environment=variables) as house:
            found = Walk(house.data, passwords=[user["password"] for user in house.ready["users"]])
            use(house, found)
            found.said |= {f"metrics of {name}": house.metrics(name).encode() for name in ("gateway", "runtime")}
            crash(house)
            found.said |= {f"temporary {path}": path.read_bytes() for path in files_in(Path(scratch))}
        lines = [line for line in house.said().splitlines() if not line.startswith("  sign in as")]
        found.said["log"] = "\n".join(lines).encode()
        found.said["spans"] = bytes(spans.raw)
    return found


def use(house: House, walk: Walk) -> None:
    """Everything that works, and everything that does not."""
    tokens = house.tokens()
    mine = {"authorization": f"Bearer {tokens['access_token']}"}
    walk.secrets |= {name: tokens[name] for name in ("access_token", "id_token", "refresh_token")}
    walk.secrets["workload's key"] = house.ready["workload"]["secret_access_key"]
    with house.client() as client:
        talk(house, client, mine)
        token_in_odd_places(house, client, tokens["access_token"])
        badly_made(client, mine)
        at_the_agent_door(house, tokens["access_token"])
    wrong_sign_ins(house)
    with house.client() as browser:
        walk.secrets |= signed_in(house, browser)


def talk(house: House, client: httpx2.Client, mine: Headers) -> None:
    answer = chat(client, WRITTEN["message"], mine)
    chat(client, f"what is the weather in {WRITTEN['tool argument']}", mine, answer["session_id"])
    failed = client.post("/api/chat", json={"message": f"please fail {WRITTEN['failing message']}"}, headers=mine)
    assert failed.status_code == 502
    one = f"/api/conversations/{answer['session_id']}"
    client.patch(one, json={"conversation_name": WRITTEN["name of a conversation"]}, headers=mine)
    for path in (one, f"{one}/export", "/api/usage", f"/api/conversations?q={WRITTEN['search']}"):
        assert client.get(path, headers=mine).status_code == 200


def token_in_odd_places(house: House, client: httpx2.Client, token: str) -> None:
    """Where a token does not belong, a client may put it all the same."""
    for headers in ({"x-token": token}, {"cookie": f"doorward_session={token}"}, {"authorization": token}):
        assert client.get("/api/me", headers=headers).status_code == 401
    client.get("/api/me", headers={"authorization": f"Bearer {TYPED['forged token']}"})
    client.get("/api/me", auth=("user-one", TYPED["password of another kind"]))
    client.get(f"/api/me?access_token={token}", headers={"origin": f"http://{token[:60]}.example"})
    client.get(f"/api/turns/{quote(token)}")
    client.get(f"/{token}")
    client.request("POST", f"/api/conversations/{token}", content=token, headers={"x-request-id": token[:64]})
    client.post("/oauth2/token", data={"grant_type": "refresh_token", "refresh_token": token, "client_id": token})
    client.post("/oauth2/revoke", data={"token": token, "client_id": "doorward-cli"})


def badly_made(client: httpx2.Client, mine: Headers) -> None:
    body, refused = WRITTEN["body that is not valid"], WRITTEN["message that is refused"]
    json_headers = {**mine, "content-type": "application/json"}
    for content in (f'{{"message": "{body}"', f'{{"message": "hello", "{body}": 1}}', f'{{"message": ["{body}"]}}'):
        assert client.post("/api/chat", content=content, headers=json_headers).status_code == 400
    assert client.post("/api/chat", json={"message": refused, "session_id": refused}, headers=mine).status_code == 400
    assert client.post("/api/chat", json={"message": refused}).status_code == 401
    client.post("/api/chat", json={"message": refused}, headers={**mine, "origin": "http://elsewhere.example"})
    client.get("/api/conversations", params={"cursor": f"${{jndi:ldap://{refused}}}"}, headers=mine)


def at_the_agent_door(house: House, token: str) -> None:
    url = f"{house.ready['agent_door']}/runtimes/{quote(house.ready['agent_arn'], safe='')}/invocations"
    payload = {"prompt": WRITTEN["payload of a workload"]}
    for headers in ({"authorization": f"Bearer {token}"}, {"x-amz-security-token": token}, {"cookie": token}):
        answer = httpx2.post(
            url, params={"access_token": token}, json=payload, headers=headers, trust_env=False, timeout=30
        )
        assert answer.status_code in (400, 403)


def wrong_sign_ins(house: House) -> None:
    asked = {name: house.ready[name] for name in ("client_id", "redirect_uri")}
    asked |= {"response_type": "code", "code_challenge": "c" * 43, "code_challenge_method": "S256", "state": "s" * 20}
    for name, password in (("user-two", "wrong password"), (TYPED["unknown user"], "wrong password")):
        with httpx2.Client(trust_env=False, timeout=30) as browser:
            page = browser.get(house.ready["authorize_endpoint"], params=asked)
            form = Form()
            form.feed(page.text)
            filled = {**form.fields, "username": name, "password": TYPED[password]}
            assert browser.post(urljoin(str(page.url), form.action), data=filled).status_code < 500


def signed_in(house: House, browser: httpx2.Client) -> dict[str, str]:
    """A browser signs in, chats and stays signed in; what it and the issuer held of secrets."""
    page = browser.get(browser.get("/session/sign-in").headers["location"])
    form = Form()
    form.feed(page.text)
    account = house.ready["users"][0]
    filled = {**form.fields, "username": account["username"], "password": account["password"]}
    back = browser.post(urljoin(str(page.url), form.action), data=filled).headers["location"]
    assert browser.get(back).status_code == 303
    csrf = browser.get("/api/me").json()["csrf_token"]
    answer = browser.post(
        "/api/chat", json={"message": "hello"}, headers={"origin": house.front_door, "x-csrf-token": csrf}
    )
    assert answer.status_code == 200
    query = parse_qs(urlsplit(back).query)
    cookies = {f"cookie {name}": value for name, value in browser.cookies.items()}
    return {"csrf token": csrf, "code": query["code"][0], "state": query["state"][0], **cookies}


def crash(house: House) -> None:
    """Every process dies once in the middle of a turn that holds a canary."""
    mine = house.bearer()
    for name in ("worker", "runtime", "gateway"):
        message = f"please stream 50000 words {WRITTEN['interrupted message']}"
        with suppress(httpx2.TransportError), house.client() as client, streamed(client, message, mine) as (_, stream):
            for _ in range(5):
                next(stream)
            os.kill(house.pid(name), signal.SIGKILL)
            list(stream)
        eventually(lambda: answers(house), seconds=20)


def answers(house: House) -> bool:
    with suppress(httpx2.TransportError), house.client() as client:
        return client.get("/readyz").status_code == 200
    return False


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def forms_of(secret: str) -> list[bytes]:
    """A secret as it is, in a URL, and the parts of a token that matter."""
    parts = secret.split(".")[1:] if secret.count(".") == 2 else []
    return [form.encode() for form in {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], *parts} if form]


def tables(file: Path) -> Iterator[tuple[str, bytes]]:
    """The name and all the content of each table of a database."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        for (name,) in connection.execute(_TABLES).fetchall():
            rows = connection.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608
            values = [value for row in rows for value in row]
            yield name, b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)


def test_no_secret_is_in_anything_that_was_said(walk: Walk) -> None:
    assert b"agent_door_denied" in walk.said["log"]
    assert len(walk.said["spans"]) > 1000
    named = {**walk.secrets, **TYPED, **dict(enumerate(walk.passwords))}
    found = [(name, place) for name, text in named.items() for place, said in walk.said.items() if holds(said, text)]
    assert found == []


def test_nothing_that_people_wrote_is_in_anything_that_was_said(walk: Walk) -> None:
    found = [(name, place) for name, text in WRITTEN.items() for place, said in walk.said.items() if holds(said, text)]
    assert found == []


def test_no_secret_is_in_any_file_but_those_made_for_it(walk: Walk) -> None:
    named = {**walk.secrets, **TYPED, **dict(enumerate(walk.passwords))}
    found = []
    for file in files_in(walk.data):
        if file.name in OPEN_FILES or file.parent.name == "keys":
            assert file.stat().st_mode & 0o077 == 0
            continue
        found += [(name, file.name) for name, secret in named.items() if holds(file.read_bytes(), secret)]
    assert found == []


def test_what_people_wrote_is_only_in_the_tables_of_conversations(walk: Walk) -> None:
    found, kept = [], set()
    for file in files_in(walk.data):
        if file.suffix != ".db":
            continue
        for table, content in tables(file):
            held = {name for name, text in WRITTEN.items() if holds(content, text)}
            kept |= held
            if held and table.split("_")[0] not in {name.split("_")[0] for name in KEEPS_TEXT}:
                found.append((table, held))
    assert found == []
    assert kept >= {"message", "tool argument", "failing message", "interrupted message", "name of a conversation"}
    assert not kept & {"search", "body that is not valid", "message that is refused", "payload of a workload"}


def test_no_token_of_any_kind_is_written(walk: Walk) -> None:
    """Also those that no client sees: turn tokens, the tokens of a browser session."""
    token = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")
    places = {**walk.said, **{str(file): file.read_bytes() for file in files_in(walk.data)}}
    assert [place for place, content in places.items() if token.search(content)] == []


def holds(content: bytes, secret: str) -> bool:
    return any(form in content for form in forms_of(secret))
