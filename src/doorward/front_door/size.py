"""Refuses what is too large before anything looks at it. The protocol (`http.protocol`) has the same caps while it
parses; here they hold for every server that the front door may stand behind."""

from doorward.front_door.check import Answer, Tools
from doorward.front_door.visit import Visit
from doorward.model.verdicts import Deny


class Size:
    """Bytes of the URL and the headers, and the declared length of the body."""

    def __init__(self, tools: Tools) -> None:
        self._settings = tools.settings

    async def check(self, visit: Visit) -> Answer:
        settings = self._settings
        if len(visit.raw_path) + len(visit.query_string) > settings.max_url_bytes:
            return Deny(code="url_too_long", detail="The URL is too long.", status=414)
        size = sum([len(name) + len(value) + 4 for name, value in visit.raw_headers])
        if size > settings.max_header_bytes or len(visit.raw_headers) > settings.max_headers:
            return Deny(code="headers_too_large", detail="The headers are too large or too many.", status=431)
        declared = visit.headers.get("content-length")
        if declared is None:
            return None
        if not (declared.isascii() and declared.isdigit()) or len(declared) > 18:
            return Deny(code="content_length", detail="Content-Length is not a number.", status=400)
        if int(declared) > settings.max_body_bytes:
            detail = f"The body is larger than {settings.max_body_bytes} bytes."
            return Deny(code="body_too_large", detail=detail, status=413)
        return None
