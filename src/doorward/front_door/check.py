"""What a check of the front door is, and what all checks are given."""

import time
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from doorward.front_door.sessions import BrowserSessions, NoBrowserSessions
from doorward.front_door.visit import Visit
from doorward.http.response import Response
from doorward.http.routes import RouteTable
from doorward.model.settings import FrontDoorSettings
from doorward.model.verdicts import Allow, Deny
from doorward.ports.clock import Clock
from doorward.ports.identity import TokenVerifier
from doorward.ports.ledger import Ledger
from doorward.ports.limits import Gate, Limiter

Answer = Allow | Deny | None


class Observer(Protocol):
    """Watches answers go out (metrics, traces). Decides nothing; `seconds` is the time since the request arrived."""

    def __call__(self, visit: Visit, response: Response, seconds: float) -> None: ...


class Limits(Struct, frozen=True, kw_only=True):
    """The limiters of the front door, each with its own key space."""

    address: Limiter
    user: Limiter
    turns: Gate
    waiting: Gate
    streams: Gate


class Parts(Struct, frozen=True, kw_only=True):
    """All that the front door needs from outside. Without `limits` they are counted in this process."""

    settings: FrontDoorSettings
    public_url: str
    verifier: TokenVerifier
    ledger: Ledger
    sessions: BrowserSessions = NoBrowserSessions()
    limits: Limits | None = None
    clock: Clock = time.time
    observers: tuple[Observer, ...] = ()


class Tools(Struct, frozen=True, kw_only=True):
    """What a check's constructor gets: the parts, with the limits made and the routes in their table."""

    settings: FrontDoorSettings
    public_url: str
    verifier: TokenVerifier
    sessions: BrowserSessions
    limits: Limits
    clock: Clock
    table: RouteTable


class Check(Protocol):
    """One question. None means: not mine. The constructor takes `Tools`; a check keeps nothing about a visit."""

    async def check(self, visit: Visit) -> Answer: ...


MakeCheck = Callable[[Tools], Check]
