"""The agent door's answers, in the form AWS's SDKs read: ``{"message"}`` and ``x-amzn-ErrorType``."""

import re

import msgspec

from doorward.agent_door.visit import SESSION_ID, Visit
from doorward.errors import AgentFailed, AgentTimeout, AgentUnreachable, DoorwardError, TooManyRequests
from doorward.http.response import Headers, Response
from doorward.model.verdicts import Deny

_TYPES = {
    400: "ValidationException",
    401: "UnauthorizedException",
    402: "ServiceQuotaExceededException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    409: "ConflictException",
    424: "RuntimeClientError",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
# Memory's data plane calls some by other names than Runtime's.
_MEMORY_TYPES = {**_TYPES, 429: "ThrottledException", 500: "ServiceException", 503: "ServiceException"}
_REASONS = {"invalid_json": "CannotParse", "token_reused": "IdempotentParameterMismatchException"}
_ALWAYS: Headers = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
]
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,64}/[A-Za-z0-9!#$&^_.+-]{1,64}(?:; ?[A-Za-z0-9=\"._-]{1,80})?")
_CORS_METHODS = b"POST"
_CORS_HEADERS = b"authorization, content-type, accept, traceparent, x-amzn-bedrock-agentcore-runtime-session-id"
_CORS_EXPOSED = b"x-amzn-bedrock-agentcore-runtime-session-id, x-amzn-requestid, x-amzn-errortype, retry-after"


def refusal(visit: Visit, denied: Deny) -> Response:
    """The answer to a request that the door did not let in, or that failed before its first byte."""
    types = _TYPES if visit.memory is None else _MEMORY_TYPES
    kind = types.get(denied.status) or types[400 if denied.status < 500 else 500]
    body = {"message": denied.detail, "code": denied.code}
    if visit.memory is not None and kind == "ValidationException":
        body["reason"] = _REASONS.get(denied.code, "FieldValidationFailed")
    extra = [(name.lower().encode(), value.encode()) for name, value in denied.headers.items()]
    return Response(
        status=denied.status,
        headers=[
            (b"content-type", b"application/json"),
            (b"x-amzn-errortype", kind.encode()),
            *extra,
            *common_headers(visit),
        ],
        body=msgspec.json.encode(body),
    )


def denial_of(error: DoorwardError) -> Deny:
    """What an error of a check or of the runtime turns into. 424 and not 5xx where the agent ran, since SDKs retry 5xx
    and a run is not to be repeated."""
    status = error.status
    headers = {}
    if isinstance(error, AgentFailed | AgentTimeout):
        status = 424
    elif isinstance(error, AgentUnreachable):
        status = 500
    elif isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return Deny(code=error.code, detail=error.message, status=status, headers=headers)


def json_answer(visit: Visit, value: object, *, status: int = 200) -> Response:
    """`value` as JSON."""
    headers = [(b"content-type", b"application/json"), *common_headers(visit)]
    return Response(status=status, headers=headers, body=msgspec.json.encode(value))


def preflight(visit: Visit) -> Response:
    """The answer to a CORS preflight from an origin on the list (Fetch standard, 3.2)."""
    headers = [
        *common_headers(visit),
        (b"access-control-allow-methods", _CORS_METHODS),
        (b"access-control-allow-headers", _CORS_HEADERS),
        (b"access-control-max-age", b"600"),
    ]
    return Response(status=204, headers=headers)


def stream_headers(visit: Visit, content_type: str) -> Headers:
    """The head of an agent's answer. A content type that is none is called bytes."""
    safe = content_type if _MEDIA_TYPE.fullmatch(content_type) else "application/octet-stream"
    return [(b"content-type", safe.encode()), (b"x-accel-buffering", b"no"), *common_headers(visit)]


def common_headers(visit: Visit) -> Headers:
    """On every answer, errors too: ids, no caching, and CORS when a browser of the list asks."""
    headers = [*_ALWAYS, (b"x-amzn-requestid", visit.request_id.encode())]
    if visit.session_id:
        headers.append((SESSION_ID.encode(), visit.session_id.encode()))
    if visit.origin is not None:
        headers += [
            (b"access-control-allow-origin", visit.origin.encode()),
            (b"access-control-expose-headers", _CORS_EXPOSED),
            (b"vary", b"Origin"),
        ]
    return headers
