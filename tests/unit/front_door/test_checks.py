"""Every check of the front door, asked from outside."""

import re

import pytest
from tests.unit.front_door.rig import ALICE, Reply, front_door

from doorward.front_door.visit import Visit
from doorward.http.response import Response

pytestmark = pytest.mark.anyio

OWN = "Origin: http://127.0.0.1:8000"
JSON = "Content-Type: application/json"


async def test_a_user_with_a_token_is_let_in_and_told_what_is_left() -> None:
    async with front_door() as rig:
        reply = await rig.json("/api/chat", {"message": "hi"}, ALICE)
    assert reply.status == 200
    assert reply.json["user"] == "alice"
    assert reply.headers["ratelimit-policy"] == '"user";q=600;w=60'
    assert reply.headers["ratelimit"].startswith('"user";r=599;t=')
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert reply.headers["cache-control"] == "no-store"
    assert len(reply.headers["x-request-id"]) == 32
    assert "server" not in reply.headers
    assert "date" not in reply.headers


async def test_the_verdicts_are_in_the_ledger_without_what_was_sent() -> None:
    async with front_door() as rig:
        await rig.request("GET", "/api/things/t1", ALICE)
        await rig.request("GET", "/api/things/t1", "Authorization: Bearer canary-token")
        await rig.request("GET", "/canary-path?canary=1")
    allowed, refused, unknown = rig.ledger.entries_
    assert (allowed.verdict, allowed.code, allowed.action) == ("allow", "user", "GET /api/things/{thing}")
    assert allowed.resource == "t1"
    assert len(allowed.principal) == 32
    assert (refused.verdict, refused.code, refused.principal) == ("deny", "token_signature", "")
    assert (unknown.verdict, unknown.code, unknown.action) == ("deny", "not_found", "GET (unknown)")
    assert "canary" not in str(rig.ledger.entries_)


async def test_without_a_ledger_nothing_is_changed_but_reading_goes_on() -> None:
    async with front_door() as rig:
        rig.ledger.broken = True
        write = await rig.json("/api/chat", {"message": "hi"}, ALICE)
        assert (write.status, write.code, rig.handlers.runs) == (503, "store_unavailable", 0)
        assert (await rig.request("GET", "/api/me", ALICE)).status == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([], "unauthenticated"),
        (["Authorization: Bearer nobody"], "token_signature"),
        (["Authorization: Basic YTpi"], "token_malformed"),
        (["Authorization: alice-token"], "token_malformed"),
        (["Authorization: Bearer alice-token x"], "token_malformed"),
        (["X-Forwarded-Access-Token: alice-token"], "unauthenticated"),
        (["Cookie: access_token=alice-token"], "unauthenticated"),
        (["Cookie: s=bob"], "unauthenticated"),
    ],
)
async def test_a_credential_that_does_not_hold_is_401_with_a_challenge(headers: list[str], code: str) -> None:
    """AP-BYP-02."""
    async with front_door() as rig:
        reply = await rig.request("GET", "/api/me", *headers)
    assert (reply.status, reply.code) == (401, code)
    assert reply.headers["www-authenticate"].startswith('Bearer realm="doorward"')
    assert isinstance(reply.json["error"], str)


async def test_the_scheme_is_taken_in_any_case_and_a_token_in_the_url_never() -> None:
    async with front_door() as rig:
        assert (await rig.request("GET", "/api/me", "Authorization: bEaReR alice-token")).status == 200
        assert (await rig.request("GET", "/api/me?access_token=alice-token")).code == "token_in_query"
        assert (await rig.request("GET", "/api/me", ALICE, ALICE)).code == "repeated_header"


async def test_a_bare_token_is_taken_only_when_cognito_compatible() -> None:
    async with front_door(cognito_compatible=True) as rig:
        assert (await rig.request("GET", "/api/me", "Authorization: alice-token")).status == 200


async def test_operator_routes_are_for_operators() -> None:
    """AP-SES-08."""
    async with front_door() as rig:
        assert (await rig.request("GET", "/api/admin", "Authorization: Bearer root-token")).status == 200
        refused = await rig.request("GET", "/api/admin", ALICE)
    assert (refused.status, refused.code) == (404, "not_found")


async def test_to_others_an_operator_route_is_one_that_does_not_exist() -> None:
    """AP-SES-08: whatever they send, and however, they get what an unknown path gets."""
    preflight = ("Origin: http://127.0.0.1:8000", "Access-Control-Request-Method: GET")
    ways = [
        (),
        (ALICE,),
        ("Authorization: Bearer nobody",),
        ("Authorization: Basic x",),
        (ALICE, ALICE),
        ("Cookie: s=alice",),
        ("Cookie: s=alice", "Origin: http://127.0.0.1:8000"),
        (ALICE, "X-Role: operator", "X-Roles: operator", "X-Forwarded-Groups: operator"),
        preflight,
        (ALICE, *preflight),
    ]
    async with front_door() as rig:
        for headers in ways:
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
                hidden = await rig.request(method, "/api/admin", *headers)
                unknown = await rig.request(method, "/api/admim", *headers)
                assert _seen(hidden) == _seen(unknown), (method, headers)
        assert (await rig.request("GET", "/api/admin?access_token=x")).status == 404
        assert rig.handlers.runs == 0


def _seen(reply: Reply) -> tuple[object, ...]:
    """What somebody outside can tell an answer by."""
    body = re.sub(rb"[0-9a-f]{32}", b"", reply.body)
    return reply.status, sorted(name for name in reply.headers if name != "Date"), body


async def test_a_browser_session_reads_and_needs_the_csrf_token_and_our_origin_to_write() -> None:
    """AP-OAU-05, AP-HTP-11."""
    body, cookie = {"message": "hi"}, "Cookie: s=alice"
    async with front_door(allowed_origins=("https://other.example",)) as rig:
        assert (await rig.request("GET", "/api/me", cookie)).json["user"] == "alice"
        assert (await rig.json("/api/chat", body, cookie, OWN, "X-CSRF-Token: csrf")).status == 200
        assert (await rig.json("/api/chat", body, cookie, OWN)).code == "csrf_token"
        assert (await rig.json("/api/chat", body, cookie, OWN, "X-CSRF-Token: wrong")).code == "csrf_token"
        listed = ["Origin: https://other.example", "X-CSRF-Token: csrf"]
        assert (await rig.json("/api/chat", body, cookie, *listed)).code == "cross_site_request"
        image = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"]
        assert (await rig.request("GET", "/api/me", cookie, *image)).code == "cross_site_request"


async def test_unknown_paths_are_404_other_methods_405_and_head_is_get_without_a_body() -> None:
    async with front_door() as rig:
        assert (await rig.request("GET", "/nothing", ALICE)).status == 404
        refused = await rig.request("POST", "/api/me", ALICE)
        assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")
        head = await rig.request("HEAD", "/api/me", ALICE)
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ([JSON], b"{", 400, "invalid_json"),
        ([JSON], b"", 400, "invalid_json"),
        ([JSON], b'{"message":"a","message":"b"}', 400, "invalid_json"),
        ([JSON], b'{"message":"\\ud800"}', 400, "invalid_json"),
        ([JSON], b'{"message":"\xff"}', 400, "invalid_json"),
        ([JSON], b'\xef\xbb\xbf{"message":"a"}', 400, "invalid_json"),
        ([JSON], b'{"message":"a","count":NaN}', 400, "invalid_json"),
        ([JSON], b'{"message":' + b"[" * 50000 + b"]" * 50000 + b"}", 413, "body_too_large"),
        ([JSON], b'{"message":' + b"[" * 30000, 400, "invalid_json"),
        ([JSON], b'{"message":"a","count":1e400}', 400, None),
        ([JSON], b'{"message":"a","role":"system"}', 400, "invalid_body"),
        ([JSON], b'{"message":["canary"]}', 400, "invalid_body"),
        ([JSON], b'{"message":"a","count":"canary"}', 400, "invalid_body"),
        (["Content-Type: text/plain"], b'{"message":"a"}', 415, "media_type"),
        ([], b'{"message":"a"}', 415, "media_type"),
        ([JSON + "; charset=utf-16"], b'{"message":"a"}', 415, "media_type"),
        ([JSON + "; charset=utf-8; charset=utf-16"], b'{"message":"a"}', 415, "media_type"),
        ([JSON, "Content-Encoding: gzip"], b'{"message":"a"}', 415, "content_encoding"),
        ([JSON], b'{"message":"' + b"a" * 70000 + b'"}', 413, "body_too_large"),
        ([JSON, "Content-Length: 300000"], b"{", 413, "body_too_large"),
        ([JSON + "; charset=UTF-8"], b'{"message":"a"}', 200, None),
    ],
)
async def test_a_body_fits_its_closed_schema_or_is_refused_without_being_repeated(
    headers: list[str], body: bytes, status: int, code: str | None
) -> None:
    """AP-HTP-06, AP-HTP-09, AP-HTP-10, AP-SES-05."""
    async with front_door() as rig:
        reply = await rig.request("POST", "/api/chat", ALICE, *headers, body=body)
    assert reply.status == status
    assert code is None or reply.code == code
    assert b"canary" not in reply.body
    assert rig.handlers.runs == (status == 200)


async def test_the_refusal_of_a_body_names_the_place() -> None:
    async with front_door() as rig:
        reply = await rig.json("/api/chat", {"message": 1}, ALICE)
    assert reply.json["detail"] == "Expected str, got int - at $.message"


async def test_bodies_and_parameters_that_nobody_asked_for_are_refused() -> None:
    async with front_door() as rig:
        assert (await rig.request("GET", "/api/me", ALICE, body=b"x")).code == "body_not_expected"
        assert (await rig.request("GET", "/api/me?q=1", ALICE)).status == 200
        assert (await rig.request("GET", "/api/me?debug=1", ALICE)).code == "unknown_parameter"
        assert (await rig.request("GET", "/api/me?q=1&q=2", ALICE)).code == "duplicate_parameter"


async def test_forms_are_closed() -> None:
    form = "Content-Type: application/x-www-form-urlencoded"
    async with front_door() as rig:
        assert (await rig.request("POST", "/token", form, body=b"code=a%20b")).json["body"] == {"code": "a b"}
        for body in (b"code=a&code=b", b"code=a&admin=1", b"code=%ff", b"code"):
            assert (await rig.request("POST", "/token", form, body=body)).code == "invalid_form"


async def test_an_error_inside_tells_nothing_and_every_answer_has_its_observer() -> None:
    """AP-HTP-12."""
    seen: list[int] = []

    def observe(visit: Visit, response: Response, seconds: float) -> None:
        seen.append(response.status)

    async with front_door(observers=[observe]) as rig:
        reply = await rig.request("GET", "/broken")
    assert (reply.status, reply.code) == (500, "internal_error")
    assert b"canary" not in reply.raw
    assert seen == [500]


async def test_a_slow_body_ends_with_408() -> None:
    """AP-HTP-07."""
    async with front_door(body_timeout=0.1) as rig:
        headers = [ALICE, JSON, "Content-Length: 50"]
        reply = await rig.request("POST", "/api/chat", *headers, body=b'{"mess')
    assert (reply.status, reply.code, rig.handlers.runs) == (408, "body_timeout", 0)


async def test_hosts_that_are_not_ours_are_not_answered() -> None:
    """AP-HTP-11."""
    async with front_door() as rig:
        for host in ("Host: evil.example", "Host: 127.0.0.1.evil.example", "Host: 127.0.0.1:80@evil.example", "Host: "):
            reply = await rig.request("GET", "/", host)
            assert (reply.status, reply.code) == (421, "host_not_allowed")
        for host in ("Host: LOCALHOST:99", "Host: [::1]:80", "Host: 127.0.0.1"):
            assert (await rig.request("GET", "/", host)).status == 200


async def test_a_route_with_an_open_query_takes_parameters_it_does_not_name_but_none_twice() -> None:
    async with front_door() as rig:
        assert (await rig.request("GET", "/open?code=1&session_state=2")).status == 200
        assert (await rig.request("GET", "/open?code=1&code=2")).code == "duplicate_parameter"
