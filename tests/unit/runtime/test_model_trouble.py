"""What a provider's error means, told by its shape alone: no provider is imported in the worker for it (F-21)."""

import email.utils
import time

import httpx
import openai
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from doorward.runtime.worker.model_trouble import Diagnosis, ModelTrouble, diagnosis_of, pause_before, trouble_in

REQUEST = httpx.Request("POST", "http://model")


def of_openai(status: int, headers: dict[str, str] | None = None) -> Exception:
    response = httpx.Response(status, headers=headers, request=REQUEST)
    return openai.APIStatusError("canary", response=response, body=None)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
def test_a_passing_status_may_be_tried_again(status: int) -> None:
    assert diagnosis_of(of_openai(status)) == Diagnosis("model_unavailable", again=True)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_every_other_status_is_an_answer(status: int) -> None:
    assert diagnosis_of(of_openai(status)) == Diagnosis("model_failed")


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (openai.APIConnectionError(request=REQUEST), Diagnosis("model_unavailable", again=True)),
        (openai.APITimeoutError(request=REQUEST), Diagnosis("model_timeout")),
        (httpx.ConnectError("no"), Diagnosis("model_unavailable", again=True)),
        (httpx.ReadTimeout("late"), Diagnosis("model_timeout")),
        (TimeoutError(), Diagnosis("model_timeout")),
        (ConnectionResetError(), Diagnosis("model_unavailable", again=True)),
        (EndpointConnectionError(endpoint_url="http://x"), Diagnosis("model_unavailable", again=True)),
        (
            ClientError({"ResponseMetadata": {"HTTPStatusCode": 429}}, "Converse"),  # type: ignore[typeddict-item]
            Diagnosis("model_unavailable", again=True),
        ),
        (ValueError("no JSON"), Diagnosis("model_garbled")),
        (KeyError("choices"), Diagnosis("model_garbled")),
        (RuntimeError("anything"), Diagnosis("model_failed")),
    ],
)
def test_errors_of_any_client_are_told_apart(error: Exception, found: Diagnosis) -> None:
    assert diagnosis_of(error) == found


def test_what_the_provider_asks_to_wait_is_waited() -> None:
    soon = email.utils.formatdate(time.time() + 30, usegmt=True)
    assert diagnosis_of(of_openai(429, {"Retry-After": "7"})).wait == 7.0
    assert 25 < diagnosis_of(of_openai(503, {"Retry-After": soon})).wait <= 30
    assert diagnosis_of(of_openai(503, {"Retry-After": "soon"})).wait == 0.0
    assert diagnosis_of(of_openai(503, {"Retry-After": "-3"})).wait == 0.0
    assert pause_before(1, 7.0) == 7.0


def test_pauses_grow_within_bounds_and_are_never_the_same() -> None:
    for attempt, most in ((1, 0.5), (2, 1.0), (9, 8.0)):
        pauses = [pause_before(attempt, 0.0) for _ in range(50)]
        assert all(0 <= pause <= most for pause in pauses)
        assert len(set(pauses)) > 10


def test_trouble_is_found_in_what_it_caused() -> None:
    error = RuntimeError("of the agent")
    error.__cause__ = ValueError("between")
    error.__cause__.__context__ = ModelTrouble("model_timeout")
    found = trouble_in(error)
    assert found is not None
    assert found.code == "model_timeout"
    assert trouble_in(RuntimeError("another")) is None
