"""Headers that tell a caller how much is left: draft-ietf-httpapi-ratelimit-headers, and Retry-After (RFC 9110)."""

import math

from doorward.ports.limits import LimitState


def limit_headers(name: str, state: LimitState) -> dict[str, str]:
    """``RateLimit-Policy`` and ``RateLimit`` of one policy; with ``Retry-After`` when it was not admitted."""
    reset = math.ceil(state.window * (state.limit - state.remaining) / state.limit)
    headers = {
        "ratelimit-policy": f'"{name}";q={state.limit};w={math.ceil(state.window)}',
        "ratelimit": f'"{name}";r={state.remaining};t={reset}',
    }
    if not state.admitted:
        headers["retry-after"] = str(max(1, math.ceil(state.retry_after)))
    return headers
