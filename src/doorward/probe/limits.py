"""What a target says about its limits (draft-ietf-httpapi-ratelimit-headers, and the older X-RateLimit-*)."""

import re

from msgspec import Struct

from doorward.probe.wire import Reply


class Advertised(Struct, frozen=True, kw_only=True):
    """A limit: `quota` requests in `window` seconds, of which `remaining` are left."""

    quota: int
    window: float
    remaining: int


def advertised(reply: Reply) -> Advertised | None:
    """The limit that an answer tells of; None when it tells none. An unknown window counts as a minute."""
    policy, state = reply.header("ratelimit-policy"), reply.header("ratelimit")
    quota = _number(r"[;,]\s*q=(\d+)", policy) or _number(r"limit=(\d+)", state)
    quota = quota or _number(r"(\d+)", reply.header("x-ratelimit-limit") or reply.header("ratelimit-limit"))
    if not quota:
        return None
    left = _number(r"[;,]\s*r=(\d+)", state)
    if left is None:
        left = _number(r"remaining=(\d+)", state)
    if left is None:
        left = _number(r"(\d+)", reply.header("x-ratelimit-remaining") or reply.header("ratelimit-remaining"))
    window = _number(r"[;,]\s*w=(\d+)", policy) or 60
    return Advertised(quota=quota, window=float(window), remaining=quota if left is None else left)


def _number(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text)
    return int(found[1]) if found else None
