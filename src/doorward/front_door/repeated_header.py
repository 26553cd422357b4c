"""Refuses a header that came twice and is no list. The house's own parser does that before anything looks at a request;
API Gateway hands every value on, and does not say which of them its authorizer read (AP-BYP-02)."""

from doorward.front_door.check import Answer, Tools
from doorward.front_door.visit import Visit
from doorward.http.head import is_repeated
from doorward.model.verdicts import Deny


class RepeatedHeader:
    """The rule and the code are those of the parser."""

    def __init__(self, tools: Tools) -> None:
        del tools

    async def check(self, visit: Visit) -> Answer:
        if not is_repeated([name for name, _ in visit.raw_headers]):
            return None
        return Deny(code="repeated_header", detail="A header that may be sent once was sent twice.", status=400)
