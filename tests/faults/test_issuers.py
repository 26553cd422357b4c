"""The issuer of tokens fails, or changes its keys: F-09, F-10."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.faults.scenario import Figures, scenario
from tests.journey.house import House, running_house
from tests.journey.talking import eventually

CONFIG = """
[sign_in]
issuer = "{url}"
client_id = "web"
clients_allowed = ["web"]
keys_max_age = 1.5
keys_max_stale = 15.0
[front_door]
user_requests = 100000
address_requests = 100000
"""


class Issuer:
    """An issuer whose key set can be up, slow, down or nonsense, and changed."""

    def __init__(self) -> None:
        self.state = "up"
        self.keys = [new_key()]
        self.asked = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/.well-known/openid-configuration":
                    self.say(200, "application/json", json.dumps(issuer.document()))
                    return
                issuer.asked += 1
                if issuer.state == "slow":
                    issuer.released.wait(30)
                if issuer.state == "html":
                    self.say(200, "text/html", "<html>the gateway is down</html>")
                elif issuer.state == "down":
                    self.say(503, "text/plain", "down")
                else:
                    self.say(200, "application/json", json.dumps({"keys": [public(key) for key in issuer.keys]}))

            def say(self, status: int, kind: str, body: str) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
        }

    def token(self, key: RSAKey, subject: str = "ada") -> dict[str, str]:
        now = int(time.time())
        claims = {
            "iss": self.url, "sub": subject, "aud": "doorward", "client_id": "web", "jti": str(time.time_ns()),
            "iat": now, "exp": now + 600,
        }  # fmt: skip
        head = {"alg": "RS256", "typ": "at+jwt", "kid": key.kid}
        return {"authorization": f"Bearer {jwt.encode(head, claims, key)}"}

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


def new_key() -> RSAKey:
    key = RSAKey.generate_key(2048)
    key.ensure_kid()
    return key


def public(key: RSAKey) -> dict[str, Any]:
    return {**key.as_dict(private=False), "use": "sig", "alg": "RS256"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    found = Issuer()
    yield found
    found.close()


@pytest.fixture(scope="module")
def house(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    issuer.state = "down"  # at start-up too
    config = CONFIG.format(url=issuer.url)
    with running_house(tmp_path_factory.mktemp("issuer"), config=config) as running:
        yield running


def status(client: httpx2.Client, headers: dict[str, str]) -> int:
    return client.get("/api/me", headers=headers).status_code


@scenario(
    "F-09",
    injected=("the issuer's key set is down at the start, then up, then down, slow (30 s) and answering HTML"),
    asserted=(
        "the house starts without it and refuses with 503 until there are keys; known keys work until "
        "they are too stale; an unknown key is refused within a second, and the issuer is not flooded; "
        "nothing piles up"
    ),
)
def test_an_issuer_that_fails(issuer: Issuer, house: House, figures: Figures) -> None:
    good = issuer.keys[0]
    with house.client() as client:
        assert status(client, issuer.token(good)) == 503
        issuer.state = "up"
        eventually(lambda: status(client, issuer.token(good)) == 200, seconds=20)
        slowest = 0.0
        for state in ("down", "html", "slow"):
            issuer.state, asked = state, issuer.asked
            until = time.monotonic() + 2.5  # beyond keys_max_age
            while time.monotonic() < until:
                begun = time.monotonic()
                assert status(client, issuer.token(good)) == 200, "known keys go on"
                slowest = max(slowest, time.monotonic() - begun)
            assert issuer.asked - asked < 10
        begun = time.monotonic()
        refused = {status(client, issuer.token(new_key())) for _ in range(20)}
        unknown = (time.monotonic() - begun) / 20
        assert refused <= {401, 503}
        assert unknown < 1.0
        eventually(lambda: status(client, issuer.token(good, "eve")) == 503, seconds=30)
        issuer.state = "up"
        issuer.released.set()
        eventually(lambda: status(client, issuer.token(good)) == 200, seconds=20)
    figures.say(
        f"slowest request with known keys {slowest * 1e3:.0f} ms, an unknown key refused in {unknown * 1e3:.0f} ms"
    )


@scenario(
    "F-10",
    injected="a key is rotated in with an overlap, then without one, then removed in an emergency",
    asserted=(
        "in the overlap no good token fails; without one the new key works as soon as it is asked for; a "
        "removed key is dead after `keys_max_age` at the latest, tokens that were verified before too"
    ),
)
def test_keys_that_change(issuer: Issuer, house: House, figures: Figures) -> None:
    issuer.state = "up"
    old, new = issuer.keys[0], new_key()
    with house.client() as client:
        held = issuer.token(old)
        eventually(lambda: status(client, held) == 200, seconds=20)
        issuer.keys = [old, new]
        until = time.monotonic() + 3
        eventually(lambda: status(client, issuer.token(new)) == 200, seconds=35)
        while time.monotonic() < until:
            assert {status(client, issuer.token(old)), status(client, issuer.token(new))} == {200}
        issuer.keys = [new]
        removed = time.monotonic()
        eventually(lambda: status(client, held) == 401, seconds=10)
        took = time.monotonic() - removed
        assert status(client, issuer.token(old)) == 401
        assert status(client, issuer.token(new)) == 200
        sudden = new_key()
        issuer.keys = [sudden]
        eventually(lambda: status(client, issuer.token(sudden)) == 200, seconds=35)
    assert took < 4
    figures.say(f"a removed key was dead after {took:.1f} s (keys_max_age 1.5 s)")
