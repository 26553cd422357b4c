"""Answers only to our own names: a page that makes a foreign name point here (DNS rebinding) is refused."""

import re
from urllib.parse import urlsplit

from doorward.front_door.check import Answer, Tools
from doorward.front_door.visit import Visit
from doorward.model.verdicts import Deny

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::[0-9]{1,5})?")


class Host:
    """The Host header, without its port, must be on the list; the public URL's host always is."""

    def __init__(self, tools: Tools) -> None:
        names = {name.lower().strip("[]") for name in tools.settings.allowed_hosts}
        self._names = names | {urlsplit(tools.public_url).hostname or ""} - {""}
        self._known: set[str] = set()

    async def check(self, visit: Visit) -> Answer:
        host = visit.headers.get("host", "")
        if host in self._known and len(visit.header_values("host")) == 1:
            return None
        if len(visit.header_values("host")) == 1 and host_name(host) in self._names:
            if len(self._known) < 100:
                self._known.add(host)
            return None
        return Deny(code="host_not_allowed", detail="This server does not answer to that host name.", status=421)


def host_name(header: str) -> str | None:
    """The name in a Host header, lower case, without port and brackets; None when it is not a host at all."""
    found = _HOST.fullmatch(header.lower())
    return (found[1] or found[2]) if found else None
