"""Refuses heads that are too large or can be read in two ways: headers given twice, underscores in names."""

from doorward.agent_door.visit import Visit
from doorward.model.verdicts import Deny, Verdict

MAX_HEADERS = 64
MAX_HEADER_BYTES = 32768  # a traceparent, a baggage of 8 KiB and a turn token fit
MAX_URL_BYTES = 4096


class Limits:
    """Sizes and ambiguities of the head (AP-HTP-02, AP-BYP-02)."""

    async def check(self, visit: Visit) -> Verdict | None:
        request = visit.request
        headers = request.raw_headers
        if len(request.raw_path) + len(request.query_string) > MAX_URL_BYTES:
            return Deny(code="url_too_long", detail="The URL is too long.", status=414)
        if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
            return Deny(code="headers_too_large", detail="The headers are too large.", status=431)
        if len(request.headers) != len(headers):
            return _twice(request.header_values("authorization"))
        if any(b"_" in name for name, _ in headers):
            return Deny(code="header_name", detail="Header names with an underscore are refused.", status=400)
        return None


def _twice(credentials: list[str]) -> Deny:
    if len(credentials) > 1:
        return Deny(code="credential_ambiguous", detail="More than one credential was sent.")
    return Deny(code="repeated_header", detail="A header is given twice.", status=400)
