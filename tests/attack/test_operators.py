"""AP-SES-08: to whoever is no operator, the operators' side of a real house does not exist."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.journey.house import House, running_house
from tests.journey.talking import chat

ROLES = {"x-role": "operator", "x-roles": "operator,admin", "x-forwarded-groups": "operator", "x-user": "operator"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    limits = {"DOORWARD_FRONT_DOOR_ADDRESS_REQUESTS": "100000", "DOORWARD_FRONT_DOOR_USER_REQUESTS": "100000"}
    with running_house(tmp_path_factory.mktemp("operators"), environment=limits) as running:
        yield running


def operator_routes(client: httpx2.Client) -> list[tuple[str, str]]:
    """Every route of operators that the house itself names, with something in place of parameters."""
    paths: dict[str, dict[str, Any]] = client.get("/openapi.json").json()["paths"]
    routes = [
        (method.upper(), re.sub(r"\{\w+\}", "a", path))
        for path, methods in paths.items()
        if path.startswith("/api/operator")
        for method in methods
    ]
    assert len(routes) > 12
    return routes


def forged(token: str) -> str:
    """The token with the role written into it: unsigned, and with its old signature."""
    head, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["cognito:groups"] = ["operator"]
    text = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{head}.{text}.{signature}"


def seen(answer: httpx2.Response) -> tuple[object, ...]:
    """What somebody outside can tell an answer by; the number of the request is its own."""
    names = sorted(set(answer.headers) - {"date"})
    return answer.status_code, names, re.sub(r"[0-9a-f]{32}", "", answer.text)


def test_nobody_else_is_told_that_there_are_operators(house: House) -> None:
    plain = house.bearer()
    token = plain["authorization"].partition(" ")[2]
    visitors: dict[str, dict[str, str]] = {
        "nobody": {},
        "nobody with role headers": ROLES,
        "a user": plain,
        "a user with role headers": {**plain, **ROLES},
        "a forged token": {"authorization": f"Bearer {forged(token)}"},
        "a wrong cookie": {"cookie": "doorward_session=x; role=operator"},
    }
    with house.client() as client:
        for name, headers in visitors.items():
            for _, path in operator_routes(client):
                for method in METHODS:
                    hidden = client.request(method, path, headers=headers)
                    assert hidden.status_code == 404, (name, method, path)
            for method in METHODS:
                unknown = client.request(method, "/api/operator/nothing-here", headers=headers)
                assert seen(client.request(method, "/api/operator/users", headers=headers)) == seen(unknown)


def test_a_body_or_a_query_opens_nothing_either(house: House) -> None:
    plain = house.bearer()
    with house.client() as client:
        for body in ({"username": "mallory", "roles": ["operator"]}, {}, []):
            assert client.post("/api/operator/users", json=body, headers=plain).status_code == 404
        token = house.bearer(2)["authorization"].partition(" ")[2]
        assert client.get("/api/operator/users", params={"access_token": token}).status_code == 404
        assert client.get("/api/operator/users", params={"role": "operator"}, headers=plain).status_code == 404


def test_an_operator_is_let_in_and_every_look_of_others_is_recorded(house: House) -> None:
    """The control: the same requests, properly made. And who tried stands in the ledger."""
    operator, plain = house.bearer(2), house.bearer(1)
    with house.client() as client:
        client.get("/api/operator/settings", headers=plain)
        for method, path in operator_routes(client):
            answer = client.request(method, path, headers=operator)
            assert answer.status_code != 401
            if method == "GET":
                assert answer.status_code == 200, (path, answer.text)
        key = client.get("/api/me", headers=plain).json()["actor_id"]
        wanted = {"verdict": "deny", "user": key, "door": "front_door"}
        (entry,) = client.get("/api/operator/ledger", params=wanted, headers=operator).json()["entries"]
    assert (entry["action"], entry["code"]) == ("GET /api/operator/settings", "not_found")


def test_operators_are_shown_nothing_that_was_said(house: House) -> None:
    user, operator = house.bearer(0), house.bearer(2)
    with house.client() as client:
        answer = chat(client, "canary-question about the weather", user)
        client.patch(
            f"/api/conversations/{answer['session_id']}", json={"conversation_name": "canary-name"}, headers=user
        )
        shown = ""
        for method, path in operator_routes(client):
            if method == "GET":
                shown += client.get(path, headers=operator).text
        entries = client.get("/api/operator/ledger", headers=operator).json()["entries"]
        for request_id in {entry["request_id"] for entry in entries}:
            shown += client.get(f"/api/operator/requests/{request_id}", headers=operator).text
    assert answer["session_id"] in shown
    assert "canary" not in shown
    assert answer["response"] not in shown
