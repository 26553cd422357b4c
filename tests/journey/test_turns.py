"""Turns and conversations, as a client of the HTTP API sees them."""

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.journey.house import House, free_port, running_house
from tests.journey.talking import SSE, Headers, chat, events_in, eventually, follow, messages, streamed, text_of

Talk = tuple[httpx2.Client, Headers, Headers]


def counted(words: int) -> str:
    return " ".join(map(str, range(1, words + 1)))


@pytest.fixture(scope="module")
def headers(house: House) -> list[Headers]:
    return [house.bearer(0), house.bearer(1)]


@pytest.fixture
def talk(house: House, headers: list[Headers]) -> Iterator[Talk]:
    with house.client() as client:
        yield client, headers[0], headers[1]


def test_a_streams_events_are_numbered_and_in_order(talk: Talk) -> None:
    client, mine, _ = talk
    with streamed(client, "please stream 300 words", mine) as (response, stream):
        events = list(stream)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert (events[0].type, events[1].type) == ("RUN_STARTED", "TEXT_MESSAGE_START")
    assert (events[-2].data["name"], events[-1].type) == ("usage", "RUN_FINISHED")
    assert text_of(events) == counted(300)
    assert events[0].data["threadId"] == response.headers["x-session-id"]
    assert events[0].data["runId"] == response.headers["x-turn-id"]
    assert follow(client, response.headers["x-turn-id"], mine) == events


def test_a_client_that_lost_its_connection_reads_on_and_the_turn_went_on(talk: Talk) -> None:
    client, mine, _ = talk
    with streamed(client, "please stream 2000 words", mine) as (response, stream):
        seen = [next(stream) for _ in range(10)]
    turn_id, session_id = response.headers["x-turn-id"], response.headers["x-session-id"]
    rest = follow(client, turn_id, mine, after=10)
    assert [event.id for event in seen + rest] == list(range(1, len(seen + rest) + 1))
    assert text_of(seen + rest) == counted(2000)
    assert client.get(f"/api/turns/{turn_id}", headers=mine).json()["status"] == "completed"
    assert messages(client, session_id, mine)[-1]["content"] == counted(2000)
    assert follow(client, turn_id, mine, after=len(seen + rest)) == []
    both = {**mine, "last-event-id": "10"}
    assert client.get(f"/api/turns/{turn_id}/events?after={2**60}", headers=both).status_code == 400


def test_a_client_that_goes_away_and_never_comes_back_finds_the_whole_answer(talk: Talk) -> None:
    client, mine, _ = talk
    session_id = str(uuid.uuid4())
    with pytest.raises(httpx2.ReadTimeout):
        client.post(
            "/api/chat", json={"message": "please wait 1 second", "session_id": session_id}, headers=mine, timeout=0.4
        )
    found = eventually(lambda: (read := messages(client, session_id, mine)) and len(read) == 2 and read)
    assert (found[1]["content"], found[1]["status"]) == ("I waited 1 seconds.", "complete")


def test_what_was_answered_before_a_cancel_is_kept_and_marked(talk: Talk) -> None:
    client, mine, _ = talk
    with streamed(client, "please stream 100000 words", mine) as (response, stream):
        seen = [next(stream) for _ in range(10)]
        turn_id = response.headers["x-turn-id"]
        cancelled = client.post(f"/api/turns/{turn_id}/cancel", headers=mine)
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
        seen += list(stream)
    assert (seen[-1].type, seen[-1].data["code"]) == ("RUN_ERROR", "turn_cancelled")
    question, answer = messages(client, response.headers["x-session-id"], mine)
    assert (question["status"], answer["status"]) == ("complete", "partial")
    assert answer["content"] == text_of(seen)
    assert answer["content"].startswith("1 2 3 ")
    assert len(answer["content"]) < len(counted(100000))
    again = client.post(f"/api/turns/{turn_id}/cancel", headers=mine)
    assert again.json()["status"] == "cancelled"
    chat(client, "hello", mine, response.headers["x-session-id"])


def test_a_second_message_waits_for_the_first_answer(talk: Talk) -> None:
    client, mine, _ = talk
    session_id = str(uuid.uuid4())
    with streamed(client, "please wait 30 seconds", mine, session_id) as (response, stream):
        next(stream)
        second = client.post("/api/chat", json={"message": "hello", "session_id": session_id}, headers=mine)
        assert (second.status_code, second.json()["code"]) == (409, "turn_active")
        assert client.delete(f"/api/conversations/{session_id}", headers=mine).status_code == 409
        client.post(f"/api/turns/{response.headers['x-turn-id']}/cancel", headers=mine)
    assert len([one for one in messages(client, session_id, mine) if one["role"] == "user"]) == 1
    chat(client, "hello", mine, session_id)


def test_what_belongs_to_another_is_not_there(talk: Talk) -> None:
    """AP-SES-01, AP-SES-04."""
    client, mine, theirs = talk
    session_id = str(uuid.uuid4())
    with streamed(client, "please wait 30 seconds", mine, session_id) as (response, stream):
        next(stream)
        turn = f"/api/turns/{response.headers['x-turn-id']}"
        one = f"/api/conversations/{session_id}"
        attempts = [
            client.get(one, headers=theirs),
            client.get(f"{one}/export", headers=theirs),
            client.patch(one, json={"conversation_name": "mine now"}, headers=theirs),
            client.delete(one, headers=theirs),
            client.get(turn, headers=theirs),
            client.get(f"{turn}/events", headers=theirs),
            client.post(f"{turn}/cancel", headers=theirs),
        ]
        absent = client.get(f"/api/conversations/{uuid.uuid4()}", headers=theirs).json()
        assert {answer.status_code for answer in attempts} == {404}
        for answer in attempts[:4]:
            assert answer.json()["code"] == absent["code"]
            assert answer.json()["detail"] == absent["detail"]
        assert client.get(turn, headers=mine).json()["status"] == "running"
        client.post(f"{turn}/cancel", headers=mine)
    listed = client.get("/api/conversations?limit=100", headers=theirs).json()["conversations"]
    assert session_id not in [item["session_id"] for item in listed]
    assert client.get(one, headers=mine).status_code == 200


def test_one_proposed_id_of_two_users_is_two_conversations(talk: Talk) -> None:
    """AP-SES-02: neither the history nor the agent's memory meets."""
    client, mine, theirs = talk
    session_id = str(uuid.uuid4())
    chat(client, "my name is Ada", mine, session_id)
    chat(client, "my name is Bob", theirs, session_id)
    assert chat(client, "what is my name", mine, session_id)["response"] == "Your name is Ada."
    assert chat(client, "what is my name", theirs, session_id)["response"] == "Your name is Bob."
    assert "Bob" not in json.dumps(messages(client, session_id, mine))
    assert client.delete(f"/api/conversations/{session_id}", headers=theirs).status_code == 204
    assert len(messages(client, session_id, mine)) == 4


def test_a_history_is_complete_in_order_and_paged_both_ways(talk: Talk) -> None:
    client, mine, _ = talk
    session_id = str(uuid.uuid4())
    said = [f"remark number {number}" for number in range(6)]
    for message in said:
        chat(client, message, mine, session_id)
    expected = [text for message in said for text in (message, f"You said: {message}")]
    one = f"/api/conversations/{session_id}"
    forward, backward, query = [], [], {"limit": "5"}
    while True:
        page = client.get(one, params=query, headers=mine).json()
        forward += [message["content"] for message in page["messages"]]
        if page["next_cursor"] is None:
            break
        query = {"limit": "5", "cursor": page["next_cursor"]}
    query = {"limit": "5", "from": "end"}
    while True:
        page = client.get(one, params=query, headers=mine).json()
        backward = [message["content"] for message in page["messages"]] + backward
        if page["previous_cursor"] is None:
            break
        query = {"limit": "5", "cursor": page["previous_cursor"]}
    assert forward == backward == expected
    times = [message["timestamp"] for message in messages(client, session_id, mine)]
    assert times == sorted(times)


def test_conversations_are_listed_newest_first_by_activity_and_paged(talk: Talk) -> None:
    client, _, theirs = talk
    made = [chat(client, f"topic {number}", theirs)["session_id"] for number in range(4)]
    chat(client, "once more", theirs, made[0])
    listed, cursor = [], ""
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/conversations", params=query, headers=theirs).json()
        listed += page["conversations"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    found = [item["session_id"] for item in listed]
    assert len(found) == len(set(found))
    assert found[:4] == [made[0], made[3], made[2], made[1]]
    assert listed[0]["message_count"] == 4


def test_words_of_names_and_messages_are_found_by_their_owner_only(talk: Talk) -> None:
    client, mine, theirs = talk
    session_id = chat(client, "tell me about quokkas and zyzzyvas", mine)["session_id"]

    def found(words: str, who: Headers) -> list[str]:
        answer = client.get("/api/conversations", params={"q": words}, headers=who)
        assert answer.status_code == 200, answer.text
        return [item["session_id"] for item in answer.json()["conversations"]]

    assert found("zyzzyv", mine) == [session_id]
    assert found("zyzzyv", theirs) == []
    client.patch(f"/api/conversations/{session_id}", json={"conversation_name": "Marsupialia"}, headers=mine)
    assert found("marsupialia", mine) == [session_id]
    client.delete(f"/api/conversations/{session_id}", headers=mine)
    assert found("zyzzyv", mine) == found("marsupialia", mine) == []


def test_the_model_names_a_conversation_unless_its_owner_did(house: House, talk: Talk) -> None:
    client, mine, _ = talk
    text = "tell me the long story of the lighthouse at the northern end of the island"

    def name(session_id: str) -> str:
        listed = client.get("/api/conversations?limit=100", headers=mine).json()["conversations"]
        return next((item["conversation_name"] for item in listed if item["session_id"] == session_id), "")

    named = chat(client, text, mine)["session_id"]
    eventually(lambda: name(named) == "Tell me the long story of")
    titles = house.runs("doorward-titles")
    with streamed(client, "please wait 1 second", mine) as (response, stream):
        next(stream)
        renamed = response.headers["x-session-id"]
        assert name(renamed) == "please wait 1 second"
        client.patch(f"/api/conversations/{renamed}", json={"conversation_name": "Mine"}, headers=mine)
        assert list(stream)[-1].type == "RUN_FINISHED"
    eventually(lambda: house.runs("doorward-titles") > titles)
    chat(client, "hello", mine, renamed)
    assert name(renamed) == "Mine"


def test_a_conversation_can_be_taken_away_as_a_file_and_then_deleted(talk: Talk) -> None:
    client, mine, _ = talk
    session_id = chat(client, "my name is Ada", mine)["session_id"]
    one = f"/api/conversations/{session_id}"
    client.patch(one, json={"conversation_name": "Names"}, headers=mine)
    as_json = client.get(f"{one}/export", headers=mine)
    assert as_json.headers["content-disposition"] == f'attachment; filename="conversation-{session_id}.json"'
    exported = as_json.json()
    assert exported["conversation_name"] == "Names"
    assert exported["messages"] == messages(client, session_id, mine)
    as_text = client.get(f"{one}/export?format=markdown", headers=mine)
    assert as_text.headers["content-type"].startswith("text/markdown")
    assert as_text.text.startswith("# Names\n")
    assert "my name is Ada" in as_text.text
    assert client.delete(one, headers=mine).status_code == 204
    for path in (one, f"{one}/export"):
        assert client.get(path, headers=mine).status_code == 404
    assert client.delete(one, headers=mine).status_code == 404


def test_an_agent_remembers_across_a_restart_of_the_whole_house(tmp_path: Path) -> None:
    port = str(free_port())
    with running_house(tmp_path, "--port", port) as house, house.client() as client:
        mine = house.bearer()
        session_id = chat(client, "my name is Ada", mine)["session_id"]
    with running_house(tmp_path, "--port", port) as house, house.client() as client:
        assert chat(client, "what is my name", mine, session_id)["response"] == "Your name is Ada."
        assert [one["content"] for one in messages(client, session_id, house.bearer())][::2] == [
            "my name is Ada",
            "what is my name",
        ]
        assert house.runs() == 1


def test_fifty_equal_sends_in_parallel_run_the_agent_once_and_get_equal_answers(house: House, talk: Talk) -> None:
    """F-17, AP-LIM-06"""
    client, mine, others = talk
    key = {"idempotency-key": str(uuid.uuid4())}
    runs = house.runs()

    def send(number: int) -> tuple[int, str, str | None]:
        with house.client() as own:
            answer = own.post("/api/chat", json={"message": "please wait 1 second"}, headers={**mine, **key})
            return answer.status_code, answer.text, answer.headers.get("idempotency-replayed")

    with ThreadPoolExecutor(50) as pool:
        sent = list(pool.map(send, range(50)))
    assert {(status, text) for status, text, _ in sent} == {(200, sent[0][1])}
    assert [replayed for _, _, replayed in sent].count("true") == 49
    assert house.runs() == runs + 1

    with client.stream(
        "POST", "/api/chat", json={"message": "please wait 1 second"}, headers={**mine, **key, **SSE}
    ) as stream:
        events = list(events_in(stream.iter_lines()))
    assert events == follow(client, stream.headers["x-turn-id"], mine)
    reused = client.post("/api/chat", json={"message": "something else"}, headers={**mine, **key})
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    theirs = client.post("/api/chat", json={"message": "please wait 1 second"}, headers={**others, **key})
    assert theirs.headers["x-turn-id"] != stream.headers["x-turn-id"]
    assert house.runs() == runs + 2


def test_a_message_for_a_busy_conversation_is_refused_waits_or_goes_first(talk: Talk) -> None:
    client, mine, _ = talk
    session_id = str(uuid.uuid4())

    def send(message: str, on_busy: str) -> httpx2.Response:
        body = {"message": message, "session_id": session_id, "on_busy": on_busy}
        return client.post("/api/chat", json=body, headers=mine)

    with streamed(client, "please stream 100000 words", mine, session_id) as (response, stream):
        seen = [next(stream) for _ in range(10)]
        assert send("no", "reject").json()["code"] == "turn_active"
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(send, "please stream 2 words", "enqueue")
            first = send("please stream 3 words", "interrupt")
            assert (first.status_code, first.json().get("response")) == (200, counted(3))
            assert (waiting.result().status_code, waiting.result().json().get("response")) == (200, counted(2))
        seen += list(stream)
    assert (seen[-1].type, seen[-1].data["code"]) == ("RUN_ERROR", "turn_superseded")
    state = client.get(f"/api/turns/{response.headers['x-turn-id']}", headers=mine).json()
    assert (state["status"], state["error_code"]) == ("cancelled", "turn_superseded")
    history = messages(client, session_id, mine)
    assert [message["status"] for message in history] == ["complete", "partial", *["complete"] * 4]
    assert history[1]["content"] == text_of(seen)


def test_a_deleted_conversation_is_forgotten_by_the_agent_too(house: House, talk: Talk) -> None:
    client, mine, _ = talk
    session_id = str(uuid.uuid4())
    chat(client, "my name is Quetzalcoatl", mine, session_id)
    assert chat(client, "what is my name", mine, session_id)["response"] == "Your name is Quetzalcoatl."
    assert b"Quetzalcoatl" in stored_state(house)

    assert client.delete(f"/api/conversations/{session_id}", headers=mine).status_code == 204

    eventually(lambda: b"Quetzalcoatl" not in stored_state(house))
    answers: list[httpx2.Response] = []

    def begun_anew() -> bool:
        """Its id is free once the house knows that the agent has forgotten it."""
        body = {"message": "what is my name", "session_id": session_id}
        answers.append(client.post("/api/chat", json=body, headers=mine, timeout=30))
        return answers[-1].json().get("code") != "conversation_deleting"

    eventually(begun_anew)
    assert answers[-1].status_code == 200, answers[-1].text
    assert "Quetzalcoatl" not in answers[-1].json()["response"]


def stored_state(house: House) -> bytes:
    """All that the runtime keeps of its agents."""
    with contextlib.closing(sqlite3.connect(house.data / "runtime.db")) as store:
        return b"".join(bytes(state) for (state,) in store.execute("SELECT state FROM checkpoints"))
