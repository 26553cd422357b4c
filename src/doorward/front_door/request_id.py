"""Gives every request an id of ours. One that the client sends is never taken: it would be a way into the logs."""

import secrets

from doorward.front_door.check import Answer, Tools
from doorward.front_door.visit import Visit


class RequestId:
    """128 random bits in hex, also sent back as ``X-Request-Id``."""

    def __init__(self, tools: Tools) -> None:
        del tools

    async def check(self, visit: Visit) -> Answer:
        visit.id = secrets.token_hex(16)
        return None
