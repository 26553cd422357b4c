"""The front door: users knock here, with a token or a browser session. One list of checks, walked in order by one
runner; the first no wins, and when nobody says yes the answer is no."""

import time
from collections.abc import Iterable, Sequence

import structlog

from doorward.errors import DoorwardError
from doorward.front_door.access import Access
from doorward.front_door.address_limit import AddressLimit
from doorward.front_door.answer import Answers
from doorward.front_door.authenticate import Authenticate
from doorward.front_door.body import Body
from doorward.front_door.check import Check, Limits, MakeCheck, Parts, Tools
from doorward.front_door.cors import Cors, answer_preflight
from doorward.front_door.csrf import Csrf
from doorward.front_door.host import Host
from doorward.front_door.known_bad_inputs import KnownBadInputs
from doorward.front_door.known_route import KnownRoute
from doorward.front_door.origins import Origins
from doorward.front_door.path import Path
from doorward.front_door.problem_page import as_page
from doorward.front_door.query import Query
from doorward.front_door.recorder import Recorder
from doorward.front_door.request_id import RequestId
from doorward.front_door.size import Size
from doorward.front_door.user_limits import UserLimits
from doorward.front_door.visit import Visit
from doorward.front_door.where import where
from doorward.http.asgi import Receive, Scope, Send
from doorward.http.limiter import CountingGate, RateLimiter
from doorward.http.request import ClientGone
from doorward.http.response import Response, problem, problem_of
from doorward.http.routes import Route, RouteTable
from doorward.model.settings import FrontDoorSettings
from doorward.model.verdicts import Allow, Deny

_log = structlog.get_logger()

CHECKS = (
    RequestId,
    Size,
    Path,
    Host,
    Cors,
    KnownBadInputs,
    AddressLimit,
    KnownRoute,
    Authenticate,
    Csrf,
    Access,
    UserLimits,
    Query,
    Body,
)

_NOBODY_ALLOWED = Deny(code="forbidden", detail="No rule allows this.")


class FrontDoor:
    """An ASGI app. `routes` is the whole inventory: what is not in it does not exist. `checks` is the list; by default
    `CHECKS`."""

    def __init__(self, routes: Iterable[Route], parts: Parts, checks: Sequence[MakeCheck] = ()) -> None:
        tools = Tools(
            settings=parts.settings,
            public_url=parts.public_url,
            verifier=parts.verifier,
            sessions=parts.sessions,
            limits=parts.limits or local_limits(parts.settings),
            clock=parts.clock,
            table=RouteTable(routes),
        )
        self.checks: tuple[Check, ...] = tuple(check(tools) for check in checks or CHECKS)
        self._recorder = Recorder(parts.ledger, parts.clock, parts.settings)
        self._answers = Answers(Origins(parts.settings, parts.public_url), parts.public_url)
        self._observers = parts.observers

    def begin_shutdown(self) -> None:
        """Call before the server stops: open event streams get a closing event and end."""
        self._answers.begin_shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise TypeError(f"the front door speaks HTTP, not {scope['type']}")
        started = time.perf_counter()
        visit = Visit(scope, receive)
        try:
            response = as_page(visit, await self._respond(visit))
            await self._answers.send(visit, response, send)
            for observer in self._observers:
                observer(visit, response, time.perf_counter() - started)
        except ClientGone:
            _log.debug("client_gone", request_id=visit.id)
        except Exception as error:  # noqa: BLE001  the process edge: the server would log the error's text
            _log.error("answer_broken_off", request_id=visit.id, action=visit.action, **where(error))
        finally:
            visit.close()

    async def _respond(self, visit: Visit) -> Response:
        """The answer, whatever happens: this is the edge at which every error becomes a problem."""
        try:
            verdict = await self.decide(visit)
            self._recorder.record(visit, verdict)
            if isinstance(verdict, Deny):
                return problem(
                    verdict.status, verdict.code, verdict.detail, request_id=visit.id, headers=verdict.headers
                )
            if visit.preflight or visit.route is None:
                return await answer_preflight(visit)
            return await visit.route.handler(visit)
        except DoorwardError as error:
            if error.status >= 500:
                _log.warning("request_failed", code=error.code, request_id=visit.id, action=visit.action)
            return problem_of(error, request_id=visit.id)
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001  the process edge: nothing internal may leave
            _log.error("internal_error", request_id=visit.id, action=visit.action, **where(error))
            return problem(500, "internal_error", "Something went wrong here.", request_id=visit.id)

    async def decide(self, visit: Visit) -> Allow | Deny:
        """Walk the checks. INVARIANT: a list in which nobody allows denies."""
        allowed: Allow | None = None
        for check in self.checks:
            verdict = await check.check(visit)
            if verdict is None:
                continue
            if isinstance(verdict, Deny):
                return verdict
            allowed = allowed or verdict
        return allowed or _NOBODY_ALLOWED


def local_limits(settings: FrontDoorSettings) -> Limits:
    """Limits that are counted in this process."""
    return Limits(
        address=RateLimiter(settings.address_requests, settings.address_window),
        user=RateLimiter(settings.user_requests, settings.user_window),
        turns=CountingGate(settings.concurrent_turns),
        waiting=CountingGate(settings.waiting_requests),
        streams=CountingGate(settings.open_streams),
    )
