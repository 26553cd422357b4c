"""AWS Signature Version 4 for the agent door, header form only: functions of bytes and time.

Called by `agent_door.knock` (signs) and `agent_door.checks` (verify). Follows "Create a signed AWS API request" in the
AWS IAM user guide, with the path encoded twice as every service but S3 does. It is stricter than AWS where AWS is
lenient: nothing is repaired before it is signed, and a header that matters but is not signed is refused.
"""

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from urllib.parse import quote

from msgspec import Struct

from doorward.errors import InvalidInput, Unauthenticated
from doorward.model.secret import Secret

SERVICE = "bedrock-agentcore"
ALGORITHM = "AWS4-HMAC-SHA256"

Headers = Sequence[tuple[str, str]]

_AUTHORIZATION = re.compile(
    ALGORITHM + r" Credential=([A-Za-z0-9_-]{16,128})/([0-9]{8})/([a-z0-9-]{1,64})/([a-z0-9-]{1,64})/aws4_request"
    r", *SignedHeaders=([a-z0-9-]+(?:;[a-z0-9-]+)*), *Signature=([0-9a-f]{64})"
)
_TIMESTAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_METHOD = re.compile(r"[A-Z]+")
_NOT_NORMAL = re.compile(r"/\.{0,2}/|/\.{1,2}$")
_ENCODED_ONCE = re.compile(r"[A-Za-z0-9/%._~-]+")
# An unknown key id costs the same work as a known one.
_NOBODY = Secret("nobody has this key")


class Credentials(Struct, frozen=True):
    """A workload's key: its public id and its secret. `service` is the one that it signs for, as AWS names it; a key
    that lives for some hours (of a role) comes with a `session_token`, which is sent along and signed."""

    key_id: str
    secret: Secret
    service: str = SERVICE
    session_token: Secret | None = None


class Head(Struct, frozen=True):
    """A request without its body. `path` and `query` are raw, as they stand in the request line."""

    method: str
    path: str
    query: str
    headers: Headers


class Claim(Struct, frozen=True):
    """What a request says about its own signature. Nothing here is proven before `prove` has returned.

    `signed_at` is in seconds since 1970; `canonical` is the canonical request up to the payload's hash.
    """

    key_id: str
    region: str
    timestamp: str
    signed_at: float
    signed: frozenset[str]
    signature: str
    payload_hash: str | None
    canonical: str


def sign(head: Head, body: bytes, credentials: Credentials, *, region: str, at: float) -> Headers:
    """The headers to add: ``x-amz-date``, ``authorization`` and, with a session token, ``x-amz-security-token``. `at`
    is in seconds since 1970.

    Every header given is signed, so it must be sent unchanged, and ``host`` must be among them. Leave out what may
    change on the way (``user-agent``, ``traceparent``). `InvalidInput` (``signature_input``) when the request cannot be
    signed without ambiguity.
    """
    timestamp = _timestamp(int(at))
    added = [("x-amz-date", timestamp)]
    if credentials.session_token is not None:
        added.append(("x-amz-security-token", credentials.session_token.reveal()))
    values = _values([*head.headers, *added])
    if values is None or "host" not in values:
        raise InvalidInput("A signed request has one Host header and no header twice.", code="signature_input")
    names = sorted(values)
    canonical = _canonical(head, values, names)
    if canonical is None:
        raise InvalidInput("This request cannot be signed without ambiguity.", code="signature_input")
    place = (timestamp, region, credentials.service)
    signature = _signature(canonical, hashlib.sha256(body).hexdigest(), place, credentials.secret)
    credential = f"{credentials.key_id}/{timestamp[:8]}/{region}/{credentials.service}/aws4_request"
    authorization = f"{ALGORITHM} Credential={credential}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return (*added, ("authorization", authorization))


def read_claim(head: Head, *, region: str, now: float, skew: float) -> Claim:
    """Everything that can be refused without the body and the key, so that a bad request is not read further.

    `now` is in seconds since 1970, `skew` in seconds (at most 300 makes sense: AWS's own window). Raises
    `Unauthenticated` with the codes ``signature_missing``, ``signature_malformed``, ``signature_scope``,
    ``signature_incomplete``, ``signature_expired`` and ``signature_not_yet_valid``.
    """
    values = _values(head.headers)
    if values is None:
        raise _refused("signature_malformed", "A header is given twice.")
    authorization = values.get("authorization")
    if authorization is None:
        raise _refused("signature_missing", "The request is not signed.")
    parsed = _AUTHORIZATION.fullmatch(authorization)
    if parsed is None:
        raise _refused("signature_malformed", "The Authorization header is not an AWS4-HMAC-SHA256 signature.")
    key_id, date, signed_region, service, signed_names, signature = parsed.groups()
    timestamp = values.get("x-amz-date", "")
    signed_at = _time_of(timestamp)
    if signed_at is None:
        raise _refused("signature_malformed", "X-Amz-Date is missing or malformed.")
    if (date, signed_region, service) != (timestamp[:8], region, SERVICE):
        raise _refused("signature_scope", "The signature is for another day, region or service.")
    _check_time(signed_at, now, skew)
    names = signed_names.split(";")
    _check_coverage(names, values)
    canonical = _canonical(head, values, names)
    if canonical is None:
        raise _refused("signature_malformed", "The request can be read in more than one way.")
    return Claim(
        key_id=key_id,
        region=region,
        timestamp=timestamp,
        signed_at=signed_at,
        signed=frozenset(names),
        signature=signature,
        payload_hash=values.get("x-amz-content-sha256"),
        canonical=canonical,
    )


def prove(claim: Claim, body: bytes, secret_for: Callable[[str], Secret | None]) -> str:
    """The key id, once the signature is shown to be made with its secret over exactly this request.

    `secret_for` returns None for an unknown key id. Raises `Unauthenticated`: ``signature_payload`` when
    ``x-amz-content-sha256`` is not this body's hash (so ``UNSIGNED-PAYLOAD`` is refused), ``signature_invalid`` alike
    for a wrong signature and an unknown key.
    """
    payload_hash = hashlib.sha256(body).hexdigest()
    if claim.payload_hash is not None and claim.payload_hash != payload_hash:
        raise _refused("signature_payload", "X-Amz-Content-SHA256 is not the hash of this body.")
    secret = secret_for(claim.key_id)
    expected = _signature(claim.canonical, payload_hash, (claim.timestamp, claim.region, SERVICE), secret or _NOBODY)
    # INVARIANT: compared in constant time, and an unknown key id gets the same answer as a wrong signature.
    if not hmac.compare_digest(expected, claim.signature) or secret is None:
        raise _refused("signature_invalid", "The signature does not match this request.")
    return claim.key_id


def _refused(code: str, message: str) -> Unauthenticated:
    return Unauthenticated(message, code=code)


def _values(headers: Headers) -> dict[str, str] | None:
    """Values by lower-case name; None when a header is given twice."""
    values = {name.lower(): value for name, value in headers}
    return values if len(values) == len(headers) else None


def _check_time(signed_at: float, now: float, skew: float) -> None:
    if now - signed_at > skew:
        raise _refused("signature_expired", "The signature is too old.")
    if signed_at - now > skew:
        raise _refused("signature_not_yet_valid", "The signature's time is in the future.")


def _check_coverage(names: list[str], values: dict[str, str]) -> None:
    signed = set(names)
    if len(signed) != len(names) or names != sorted(names):
        raise _refused("signature_malformed", "SignedHeaders is not a sorted list without repetition.")
    if not signed <= values.keys():
        raise _refused("signature_incomplete", "A header in SignedHeaders was not sent.")
    if "authorization" in signed or not {"host", "x-amz-date"} <= signed:
        raise _refused("signature_incomplete", "Host and X-Amz-Date must be signed.")
    # INVARIANT: no header that the agent door acts on travels outside the signature.
    for name in values.keys() - signed:
        if _must_be_signed(name):
            raise _refused("signature_incomplete", "A header that must be signed is not.")


def _must_be_signed(name: str) -> bool:
    """botocore never signs ``x-amzn-trace-id``; the door does not act on it."""
    return name == "content-type" or (name.startswith(("x-amz-", "x-amzn-")) and name != "x-amzn-trace-id")


def _canonical(head: Head, values: dict[str, str], names: list[str]) -> str | None:
    """The canonical request up to the payload's hash; None when the request can be read in more than one way."""
    path = _canonical_path(head.path)
    query = _canonical_query(head.query)
    if path is None or query is None or not _METHOD.fullmatch(head.method):
        return None
    lines = []
    for name in names:
        value = values[name]
        if not (value.isascii() and value.isprintable()):
            return None
        if "  " in value or value[:1] == " " or value[-1:] == " ":
            value = " ".join(value.split())
        lines.append(f"{name}:{value}\n")
    return f"{head.method}\n{path}\n{query}\n{''.join(lines)}\n{';'.join(names)}\n"


def _canonical_path(path: str) -> str | None:
    """The raw path, encoded once more. What normalisation would change is refused instead."""
    if path[:1] != "/" or _NOT_NORMAL.search(path):
        return None
    if _ENCODED_ONCE.fullmatch(path):
        return path.replace("%", "%25")
    if "?" in path or not (path.isascii() and path.isprintable()):
        return None
    return quote(path, safe="/~")


def _canonical_query(query: str) -> str | None:
    if not (query.isascii() and query.isprintable()):
        return None
    if not query or ("&" not in query and "=" in query):
        return query
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&"))
    return "&".join(f"{name}={value}" for name, value in pairs)


def _signature(canonical: str, payload_hash: str, when_and_where: tuple[str, str, str], secret: Secret) -> str:
    timestamp, region, service = when_and_where
    date = timestamp[:8]
    hashed = hashlib.sha256(f"{canonical}{payload_hash}".encode()).hexdigest()
    text = f"{ALGORITHM}\n{timestamp}\n{date}/{region}/{service}/aws4_request\n{hashed}"
    return hmac.digest(_signing_key(secret.reveal(), date, region, service), text.encode(), "sha256").hex()


@lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key of one day, which is the same for every request of that day."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(maxsize=16)
def _timestamp(second: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))


@lru_cache(maxsize=1024)
def _time_of(timestamp: str) -> float | None:
    """Seconds since 1970 of ``YYYYMMDDTHHMMSSZ``; None when it is not a time."""
    if not _TIMESTAMP.fullmatch(timestamp):
        return None
    try:
        parsed = time.strptime(timestamp, "%Y%m%dT%H%M%SZ")
    except ValueError:
        return None
    return float(calendar.timegm(parsed))
