"""Events of API Gateway as requests, and answers as streams."""

import base64
import json
from typing import Any

import pytest

from doorward.http.lambda_events import API, CLAIMS, NotFromApiGateway, read_event


def event(**changes: Any) -> bytes:
    made = {
        "httpMethod": "POST",
        "path": "/api/chat",
        "multiValueHeaders": {"Content-Type": ["application/json"], "X-Two": ["a", "b"]},
        "multiValueQueryStringParameters": {"q": ["a b&c", "d"], "cursor": ["x"]},
        "requestContext": {
            "authorizer": {"claims": {"sub": "ada", "cognito:groups": "operator,staff"}},
            "identity": {"sourceIp": "198.51.100.7"},
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "stage": "v1",
        },
        "body": '{"message": "grüß"}',
        "isBase64Encoded": False,
        **changes,
    }
    return json.dumps(made).encode()


def test_an_event_is_read_as_the_request_that_it_was() -> None:
    scope, body = read_event(event())
    assert (scope["method"], scope["raw_path"], scope["scheme"]) == ("POST", b"/api/chat", "https")
    assert scope["query_string"] == b"q=a%20b%26c&q=d&cursor=x"
    assert (b"content-type", b"application/json") in scope["headers"]
    assert [value for name, value in scope["headers"] if name == b"x-two"] == [b"a", b"b"]
    assert scope["client"] == ("198.51.100.7", 0)
    assert scope[CLAIMS]["sub"] == "ada"
    assert scope[API] == "123456789012:a1b2c3d4e5/v1"
    assert json.loads(body)["message"] == "grüß"
    assert (b"content-length", str(len(body)).encode()) in scope["headers"]


def test_a_body_may_come_in_base64() -> None:
    _, body = read_event(event(body=base64.b64encode(b"\x00\xff").decode(), isBase64Encoded=True))
    assert body == b"\x00\xff"


def test_a_header_cannot_say_who_is_calling() -> None:
    """AP-BYP-07."""
    scope, _ = read_event(event(multiValueHeaders={CLAIMS: ['{"sub": "mallory"}']}, requestContext={}))
    assert scope[CLAIMS] is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"path": "/", "httpMethod": 5, "requestContext": {}}',
        event(body="not base64!", isBase64Encoded=True),
        event(body="aGVs!bG8=", isBase64Encoded=True),  # a lenient reader would leave out what is none, and go on
        event(body="aGVsbG8=\n", isBase64Encoded=True),
        event(requestContext=None),
    ],
)
def test_what_is_no_event_of_api_gateway_is_refused(raw: bytes) -> None:
    with pytest.raises(NotFromApiGateway):
        read_event(raw)
