"""SigV4 against botocore as the oracle, in both directions, and against every single-byte change."""

import datetime as dt
from unittest import mock

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.errors import InvalidInput, Unauthenticated
from doorward.identity.sigv4 import Claim, Credentials, Head, prove, read_claim, sign
from doorward.model.secret import Secret

KEY = Credentials("AKIDEXAMPLE000000001", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
REGION = "us-east-1"
NOW = 1_770_000_000.0
ARN_PATH = "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A000000000000%3Aruntime%2Fhello/invocations"
SESSION = "x-amzn-bedrock-agentcore-runtime-session-id"

segments = st.text(alphabet="abzAZ09-_.~%:@!$&'()*+,=", min_size=1, max_size=12).filter(
    lambda segment: segment not in (".", "..")
)
paths = st.lists(segments, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))
query_text = st.text(alphabet="abzAZ09-_.~%", min_size=1, max_size=8)
queries = st.lists(st.tuples(query_text, st.just("") | query_text), max_size=4).map(
    lambda pairs: "&".join(f"{name}={value}" if value else name for name, value in pairs)
)
values = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=30).filter(
    str.strip
)
names = st.text(alphabet="abcxyz019-", min_size=1, max_size=12).map(lambda name: f"x-amzn-{name}")
extra_headers = st.dictionaries(names, values, max_size=5)
bodies = st.binary(max_size=200)


def signed_by_botocore(head: Head, body: bytes) -> Head:
    url = f"http://door.test{head.path}" + (f"?{head.query}" if head.query else "")
    request = AWSRequest(method=head.method, url=url, headers=dict(head.headers), data=body)
    frozen = dt.datetime.fromtimestamp(NOW, dt.UTC)
    with mock.patch("botocore.auth.get_current_datetime", return_value=frozen):
        SigV4Auth(BotocoreCredentials(KEY.key_id, KEY.secret.reveal()), "bedrock-agentcore", REGION).add_auth(request)
    return Head(head.method, head.path, head.query, list(request.headers.items()))


def signed_by_us(head: Head, body: bytes) -> Head:
    return Head(head.method, head.path, head.query, [*head.headers, *sign(head, body, KEY, region=REGION, at=NOW)])


def secret_for(key_id: str) -> Secret | None:
    return KEY.secret if key_id == KEY.key_id else None


def verify(head: Head, body: bytes, *, now: float = NOW) -> str:
    return prove(read_claim(head, region=REGION, now=now, skew=300), body, secret_for)


def header(head: Head, name: str) -> str:
    return next(value for key, value in head.headers if key.lower() == name)


def with_header(head: Head, name: str, value: str) -> Head:
    changed = [(key, value if key.lower() == name else old) for key, old in head.headers]
    return Head(head.method, head.path, head.query, changed)


def refusal(head: Head, body: bytes = b"", *, now: float = NOW) -> str:
    with pytest.raises(Unauthenticated) as caught:
        verify(head, body, now=now)
    return caught.value.code


def example(**extra: str) -> Head:
    headers = [("host", "door.test"), ("content-type", "application/json"), (SESSION, "s" * 36), *extra.items()]
    return Head("POST", ARN_PATH, "qualifier=DEFAULT", headers)


@settings(max_examples=150, deadline=None)
@given(path=paths, query=queries, extra=extra_headers, body=bodies)
def test_what_we_sign_has_botocores_signature(path, query, extra, body):
    head = Head("POST", path, query, [("host", "door.test"), *extra.items()])

    theirs = header(signed_by_botocore(head, body), "authorization")

    assert header(signed_by_us(head, body), "authorization") == theirs


@settings(max_examples=150, deadline=None)
@given(path=paths, query=queries, extra=extra_headers, body=bodies)
def test_what_botocore_signs_verifies(path, query, extra, body):
    head = Head("POST", path, query, [("host", "door.test"), *extra.items()])

    assert verify(signed_by_botocore(head, body), body) == KEY.key_id


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_single_byte_change_is_refused(data):
    """AP-BYP-06"""
    body = b'{"prompt":"pay 10"}'
    good = signed_by_us(example(), body)
    signed = [name for name, _ in good.headers if name != "authorization"]
    part = data.draw(st.sampled_from(["method", "path", "query", "body", "authorization", *signed]))
    fields = {"method": good.method, "path": good.path, "query": good.query, "body": body.decode()}
    text = fields.get(part) or header(good, part)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(min_codepoint=0x21, max_codepoint=0x7E).filter(lambda c: c != text[at]))
    changed = text[:at] + other + text[at + 1 :]

    changed_head = good if part in fields else with_header(good, part, changed)
    fields |= {part: changed} if part in fields else {}
    head = Head(fields["method"], fields["path"], fields["query"], changed_head.headers)

    assert refusal(head, fields["body"].encode())


@pytest.mark.parametrize(
    "name", ["content-type", SESSION, "x-amzn-bedrock-agentcore-runtime-user-id", "x-amz-anything"]
)
def test_a_header_that_matters_but_is_not_signed_is_refused(name):
    """AP-BYP-06"""
    bare = Head("POST", ARN_PATH, "", [("host", "door.test")])
    signed = signed_by_us(bare, b"")

    assert refusal(Head("POST", ARN_PATH, "", [*signed.headers, (name, "value")])) == "signature_incomplete"


@pytest.mark.parametrize("name", ["user-agent", "traceparent", "x-amzn-trace-id", "content-length"])
def test_a_header_that_no_sdk_signs_may_be_added(name):
    signed = signed_by_us(example(), b"")

    assert verify(Head("POST", ARN_PATH, signed.query, [*signed.headers, (name, "value")]), b"") == KEY.key_id


@pytest.mark.parametrize("name", ["host", "x-amz-date"])
def test_host_and_date_must_be_under_the_signature(name):
    signed = signed_by_us(example(), b"")
    without = header(signed, "authorization").replace(f"{name};", "").replace(f";{name}", "")

    assert refusal(with_header(signed, "authorization", without)) == "signature_incomplete"


def test_a_signed_header_that_was_taken_off_is_refused():
    signed = signed_by_us(example(), b"")
    rest = [(name, value) for name, value in signed.headers if name != SESSION]

    assert refusal(Head("POST", ARN_PATH, signed.query, rest)) == "signature_incomplete"


def test_a_header_given_twice_is_refused():
    signed = signed_by_us(example(), b"")

    twice = Head("POST", ARN_PATH, signed.query, [*signed.headers, (SESSION.upper(), "t" * 36)])

    assert refusal(twice) == "signature_malformed"


@pytest.mark.parametrize(("age", "code"), [(301, "signature_expired"), (-301, "signature_not_yet_valid")])
def test_a_signature_outside_the_window_is_refused_and_says_which_way(age, code):
    """F-08"""
    assert refusal(signed_by_us(example(), b""), now=NOW + age) == code


@pytest.mark.parametrize("age", [300, -300])
def test_a_signature_at_the_edge_of_the_window_verifies(age):
    assert verify(signed_by_us(example(), b""), b"", now=NOW + age) == KEY.key_id


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("us-east-1/", "eu-west-1/", "signature_scope"),
        ("bedrock-agentcore/", "s3/", "signature_scope"),
        ("/20260202/", "/20260203/", "signature_scope"),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1", "signature_malformed"),
        ("aws4_request", "aws5_request", "signature_malformed"),
        ("Credential=AKID", "Credential=BKID", "signature_invalid"),
        ("AWS4-HMAC-SHA256 ", "Bearer ", "signature_malformed"),
        (", Signature", ",  Extra=1, Signature", "signature_malformed"),
    ],
)
def test_the_authorization_header_is_read_strictly(old, new, code):
    signed = signed_by_us(example(), b"")
    changed = header(signed, "authorization").replace(old, new)
    assert changed != header(signed, "authorization")

    assert refusal(with_header(signed, "authorization", changed)) == code


def test_an_unknown_key_and_a_wrong_signature_get_the_same_answer():
    good = signed_by_us(example(), b"")
    authorization = header(good, "authorization")
    refused = []
    for bad in (
        authorization.replace("AKID", "BKID"),
        authorization[:-1] + ("0" if authorization[-1] != "0" else "1"),
    ):
        with pytest.raises(Unauthenticated) as caught:
            verify(with_header(good, "authorization", bad), b"")
        refused.append((caught.value.code, caught.value.message))

    assert refused[0] == refused[1]


def test_a_payload_hash_header_must_be_this_bodys_hash():
    body = b"{}"
    ok = hashed(body, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a")
    unsigned = hashed(body, "UNSIGNED-PAYLOAD")

    assert verify(ok, body) == KEY.key_id
    assert refusal(unsigned, body) == "signature_payload"


def hashed(body: bytes, value: str) -> Head:
    return signed_by_us(example(**{"x-amz-content-sha256": value}), body)


@pytest.mark.parametrize("path", ["//a", "/a/../b", "/a/./b", "/a/..", "/a//", "a", "/a?b", "/a\tb", "/\u00e4"])
def test_a_path_that_normalisation_would_change_is_neither_signed_nor_verified(path):
    head = Head("POST", path, "", [("host", "door.test")])
    with pytest.raises(InvalidInput):
        sign(head, b"", KEY, region=REGION, at=NOW)
    elsewhere = signed_by_us(example(), b"")

    assert refusal(Head("POST", path, "", elsewhere.headers)) == "signature_malformed"


def test_a_request_without_a_signature_is_told_so():
    assert refusal(example()) == "signature_missing"


@pytest.mark.parametrize("value", ["tab\there", "line\nbreak", "caf\u00e9"])
def test_a_header_value_beyond_printable_ascii_is_not_signed(value):
    with pytest.raises(InvalidInput):
        sign(example(**{"x-amzn-note": value}), b"", KEY, region=REGION, at=NOW)


def test_a_claim_says_what_it_covers():
    claim = read_claim(signed_by_us(example(), b""), region=REGION, now=NOW, skew=300)

    assert isinstance(claim, Claim)
    assert claim.signed == {"host", "content-type", SESSION, "x-amz-date"}
    assert claim.signed_at == NOW


def test_a_roles_key_signs_its_session_token_for_the_service_that_it_calls():
    """What a function sends: AWS gives its role a key for some hours, with a token."""
    key = Credentials(KEY.key_id, KEY.secret, "lambda", Secret("a/session+token=="))
    path, body = "/2015-03-31/functions/turns/invocations", b"{}"
    headers = [("host", "lambda.us-east-1.amazonaws.com"), ("x-amz-invocation-type", "Event")]
    ours = dict(sign(Head("POST", path, "", headers), body, key, region=REGION, at=NOW))
    request = AWSRequest(method="POST", url=f"https://{headers[0][1]}{path}", data=body, headers=dict(headers))
    frozen = dt.datetime.fromtimestamp(NOW, dt.UTC)
    with mock.patch("botocore.auth.get_current_datetime", return_value=frozen):
        theirs = BotocoreCredentials(KEY.key_id, KEY.secret.reveal(), "a/session+token==")
        SigV4Auth(theirs, "lambda", REGION).add_auth(request)
    assert ours["x-amz-security-token"] == request.headers["X-Amz-Security-Token"]
    assert ours["authorization"] == request.headers["Authorization"]
