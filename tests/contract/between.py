"""A place between a store and the AWS service that it is built on: it counts what goes by, and answers in the service's
place when told to."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# Told the operation and its body; what it gives is the answer: status and body. None: the service answers itself.
Answer = Callable[[str, dict[str, Any]], tuple[int, dict[str, Any]] | None]


class Between:
    """What went by: calls by operation, items that were given back."""

    def __init__(self) -> None:
        self.answer: Answer = lambda _operation, _body: None
        self.calls: Counter[str] = Counter()
        self.items = 0
        self.lost = ""

    def lose(self, operation: str) -> None:
        """The next call of this operation is done, and its answer is lost."""
        self.lost = operation

    def forget(self) -> None:
        self.calls.clear()
        self.items = 0


def dynamo_operation(_method: str, _path: str, headers: Message) -> str:
    """DynamoDB's calls name their operation."""
    return str(headers["x-amz-target"]).partition(".")[2]


def memory_operation(method: str, path: str, _headers: Message) -> str:
    """AgentCore Memory's, as far as texts need them, by their paths."""
    if method == "POST":
        return "CreateEvent" if path.endswith("/events") else "ListEvents"
    return {"GET": "GetEvent", "DELETE": "DeleteEvent"}[method]


@contextmanager
def between(
    upstream: str, operation_of: Callable[[str, str, Message], str] = dynamo_operation
) -> Iterator[tuple[str, Between]]:
    """The address of one in front of `upstream`."""
    place = Between()
    target = urlsplit(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            operation = operation_of(self.command, self.path, self.headers)
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            place.calls[operation] += 1
            own = place.answer(operation, json.loads(body or b"{}"))
            kind: str | None = None
            if own is None:
                service = http.client.HTTPConnection(str(target.hostname), target.port, timeout=30)
                # With its own host: the call is signed with it.
                service.request(self.command, self.path, body, dict(self.headers.items()))
                answer = service.getresponse()
                status, data, kind = answer.status, answer.read(), answer.headers["x-amzn-errortype"]
                service.close()
                place.items += len(json.loads(data).get("Items", ()))
                if place.lost == operation:
                    place.lost = ""
                    self.close_connection = True
                    return
            else:
                status, data = own[0], json.dumps(own[1]).encode()
            self.send_response(status)
            self.send_header("content-type", "application/x-amz-json-1.0")
            self.send_header("content-length", str(len(data)))
            if kind is not None:
                self.send_header("x-amzn-errortype", kind)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_DELETE = do_POST  # noqa: N815  # the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", place
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def refusal(code: str, **more: Any) -> tuple[int, dict[str, Any]]:
    """An error as DynamoDB writes it."""
    return 400, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "as asked", **more}


def times(count: int, operation: str, answer: tuple[int, dict[str, Any]]) -> Answer:
    """This answer the first times that the operation is asked for."""
    left = [count]

    def answered(asked: str, _: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        if asked != operation or not left[0]:
            return None
        left[0] -= 1
        return answer

    return answered
