"""Seeing inside: the numbers of both processes move with what happens, and one chat is one trace across both."""

from pathlib import Path

import httpx2

from tests.journey.collecting import collector
from tests.journey.house import House, free_port, running_house
from tests.journey.talking import chat, eventually, streamed


def test_the_front_doors_numbers_move_with_what_it_answers(house: House) -> None:
    refused = 'doorward_verdicts_total{code="token_malformed",door="front_door",verdict="deny"}'
    known = 'doorward_request_seconds_count{door="front_door",route="GET /api/me",status="200"}'
    unknown = 'doorward_request_seconds_count{door="front_door",route="(unknown)",status="404"}'
    before = [house.metric(sample, of="gateway") for sample in (refused, known, unknown)]
    with house.client() as client:
        assert client.get("/api/me", headers=house.bearer()).status_code == 200
        assert client.get("/api/me", headers={"authorization": "Bearer nonsense"}).status_code == 401
        assert client.get("/canary-in-a-path").status_code == 404
        assert client.request("BREW", "/canary-in-a-path").status_code == 400
    after = [house.metric(sample, of="gateway") for sample in (refused, known, unknown)]
    assert [late - early >= 1 for early, late in zip(before, after, strict=True)] == [True] * 3
    assert "canary" not in house.metrics("gateway")


def test_turns_streams_and_tokens_are_counted(house: House) -> None:
    samples = ('doorward_turns_total{status="completed"}', "doorward_turn_seconds_count")
    first, output = "doorward_first_event_seconds_count", 'doorward_tokens_total{direction="output"}'
    before = {sample: house.metric(sample, of="gateway") for sample in (*samples, first, output)}
    with house.client() as client, streamed(client, "please wait 1 second", house.bearer()) as (_, events):
        next(events)
        assert house.metric("doorward_open_streams", of="gateway") >= 1
        assert list(events)
    eventually(lambda: all(house.metric(sample, of="gateway") >= before[sample] + 1 for sample in before))
    eventually(lambda: house.metric("doorward_active_turns", of="gateway") == 0)
    eventually(lambda: house.metric("doorward_open_streams", of="gateway") == 0)


def test_the_agent_doors_numbers_move_with_what_it_answers(house: House) -> None:
    allowed = 'doorward_verdicts_total{code="first_use",door="agent_door",verdict="allow"}'
    denied = 'doorward_verdicts_total{code="signature_missing",door="agent_door",verdict="deny"}'
    answered = 'doorward_request_seconds_count{door="agent_door",route="InvokeAgentRuntime",status="200"}'
    before = {sample: house.metric(sample) for sample in (allowed, denied, answered)}
    runs = house.runs()
    with house.client() as client:
        chat(client, "hello", house.bearer())
    url = f"{house.ready['agent_door']}/runtimes/hello/invocations"
    assert httpx2.post(url, json={}, trust_env=False, timeout=30).status_code == 403
    eventually(lambda: all(house.metric(sample) >= before[sample] + 1 for sample in before))
    assert house.runs() == runs + 1


def test_the_operator_port_serves_nothing_else_and_the_front_door_has_no_metrics(house: House) -> None:
    operator = house.environment["gateway_metrics"].removesuffix("/metrics")
    assert httpx2.get(f"{operator}/", trust_env=False, timeout=30).status_code == 404
    assert httpx2.post(f"{operator}/metrics", trust_env=False, timeout=30).status_code == 404
    with house.client() as client:
        assert client.get("/metrics", headers=house.bearer()).status_code == 404


def test_one_chat_is_one_trace_through_both_processes(tmp_path: Path) -> None:
    with (
        collector() as spans,
        running_house(tmp_path, environment={"DOORWARD_TELEMETRY_OTLP_ENDPOINT": spans.url}) as house,
        house.client() as client,
    ):
        callers = f"00-{'ab' * 16}-{'cd' * 8}-01"
        chat(client, "canary-message", {**house.bearer(), "traceparent": callers})
        eventually(lambda: len(spans.trace("ab" * 16)) >= 4)  # the fourth is the call that names the conversation
        trace = spans.trace("ab" * 16)
        ways = set()
        for service, span in trace.values():
            parent = trace.get(span.parent_span_id)
            ways.add((service, span.name, parent[1].name if parent else span.parent_span_id.hex()))
        assert ways >= {
            ("doorward-gateway", "front_door", "cd" * 8),
            ("doorward-gateway", "turn", "front_door"),
            ("doorward-runtime", "agent_door", "turn"),
        }
        assert b"canary" not in spans.raw


def test_a_collector_that_is_down_holds_up_neither_a_chat_nor_the_end(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with running_house(tmp_path, environment={"DOORWARD_TELEMETRY_OTLP_ENDPOINT": nowhere}) as house:
        with house.client() as client:
            chat(client, "hello", house.bearer())
        house.process.terminate()
        assert house.process.wait(timeout=10) == 0
