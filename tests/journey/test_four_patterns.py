"""The promise of the README, from the outside: who can run the agent with a user's own token, in each pattern."""

from urllib.parse import quote

import httpx2
import pytest

from tests.journey.house import House

GAP = {"direct", "front-door"}
SESSION = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"


def _at_the_agent(house: House, headers: dict[str, str], **options: object) -> httpx2.Response:
    url = f"{house.ready['agent_door']}/runtimes/{quote(house.ready['agent_arn'], safe='')}/invocations"
    return httpx2.post(
        url,
        params={"qualifier": "DEFAULT", **options.pop("params", {})},  # type: ignore[dict-item]
        headers={"X-Amzn-Bedrock-AgentCore-Runtime-Session-Id": SESSION, "accept": "text/event-stream", **headers},
        json={"prompt": "hello"},
        trust_env=False,
        timeout=30,
    )


def _chat(house: House, headers: dict[str, str]) -> httpx2.Response:
    pattern = house.ready["pattern"]
    if pattern == "direct":
        return _at_the_agent(house, headers)
    body = {"prompt": "hello"} if pattern == "front-door" else {"message": "hello"}
    with house.client() as client:
        return client.post("/api/chat" if pattern == "conversations" else "/chat", json=body, headers=headers)


def test_a_user_who_signed_in_gets_an_answer(house_of_each_pattern: House) -> None:
    house = house_of_each_pattern
    before = house.runs()
    answer = _chat(house, house.bearer())
    assert answer.status_code == 200, answer.text
    assert len(answer.text) > 10
    assert house.runs() == before + 1


def test_nobody_gets_an_answer_without_signing_in(house_of_each_pattern: House) -> None:
    before = house_of_each_pattern.runs()
    assert _chat(house_of_each_pattern, {}).status_code == 401
    assert house_of_each_pattern.runs() == before


def test_the_users_own_token_opens_the_agent_door_only_where_the_gap_is(house_of_each_pattern: House) -> None:
    """AP-BYP-01: the gap of `direct` and `front-door` is there to be seen; the other two are closed."""
    house = house_of_each_pattern
    before = house.runs()
    answer = _at_the_agent(house, house.bearer())
    if house.ready["pattern"] in GAP:
        assert answer.status_code == 200, answer.text
        assert house.runs() == before + 1
    else:
        assert answer.status_code == 403, answer.text
        assert house.runs() == before


@pytest.mark.parametrize("form", ["query", "cookie", "x-forwarded-access-token", "sec-websocket-protocol"])
def test_the_token_opens_nothing_in_any_other_place(house_of_each_pattern: House, form: str) -> None:
    """AP-BYP-02."""
    house = house_of_each_pattern
    token = house.tokens()["access_token"]
    before = house.runs()
    if form == "query":
        answer = _at_the_agent(house, {}, params={"access_token": token})
    else:
        answer = _at_the_agent(house, {form: f"access_token={token}" if form == "cookie" else token})
    assert answer.status_code in (400, 401, 403), answer.text
    assert house.runs() == before
