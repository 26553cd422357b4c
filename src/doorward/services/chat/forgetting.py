"""Tells the agent's side to forget deleted conversations. Runs beside the chat service, which has the way to the agent.

History only writes down what is to be forgotten, in the transaction that deletes; it has no way to an agent.
"""

import asyncio
import contextlib

import structlog

from doorward.errors import AgentTimeout, DoorwardError
from doorward.model.chat import Forgotten
from doorward.model.principals import User
from doorward.ports.clock import Clock
from doorward.ports.conversations import ForgottenStore
from doorward.services.identifiers import sortable_id
from doorward.services.invocation import Errand, Invoker

log = structlog.get_logger()

LOOK_EVERY = 0.5
AFTER_A_FAILURE = 5.0
BATCH = 32
# A round is over before the next one is due where a schedule starts them, and no single one takes all of it.
ROUND_SECONDS = 240.0
ONE_SECONDS = 60.0


class Forgetting:
    """Works off what is pending, now and whenever something is added. Make it inside the event loop; `close` it."""

    def __init__(self, store: ForgottenStore, invoker: Invoker, agent_arn: str, clock: Clock) -> None:
        self._store = store
        self._invoker = invoker
        self._agent = agent_arn
        self._clock = clock
        self._closing = asyncio.Event()
        self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop. What is pending stays so, for the next start."""
        self._closing.set()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _work(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(await self._one_round()):
                    await self._closing.wait()

    async def _one_round(self) -> float:
        """Forget what is pending; the seconds until the next look."""
        try:
            forgotten = await forget_pending(self._store, self._invoker, self._agent, self._clock)
        except DoorwardError as error:
            log.warning("agent_did_not_forget", code=error.code)
            return AFTER_A_FAILURE
        return 0.0 if forgotten == BATCH else LOOK_EVERY


async def forget_pending(
    store: ForgottenStore, invoker: Invoker, agent_arn: str, clock: Clock, *, within: float = ROUND_SECONDS
) -> int:
    """Have the agent's side forget some of what is pending, at most `BATCH` and for `within` seconds. Returns how many.
    What cannot be forgotten now, or takes long, keeps no other one waiting; then the first error of `Agent.forget` or
    of the store, or `AgentTimeout`, is raised at the end."""
    now = asyncio.get_running_loop().time
    end = now() + within
    errors: list[DoorwardError] = []
    forgotten = 0
    for item in await store.pending(limit=BATCH):
        if now() >= end:
            break
        try:
            async with asyncio.timeout_at(min(end, now() + ONE_SECONDS)):
                await _forget(store, invoker, agent_arn, (item, sortable_id(clock())))
            forgotten += 1
        except TimeoutError:
            errors.append(AgentTimeout("The agent's side did not forget in time."))
        except DoorwardError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return forgotten


async def _forget(store: ForgottenStore, invoker: Invoker, agent_arn: str, what: tuple[Forgotten, str]) -> None:
    item, turn_id = what
    user = User(issuer=item.issuer, subject=item.subject, username="")
    errand = Errand(
        user=user,
        agent=agent_arn,
        session_id=item.session_id,
        turn_id=turn_id,
        payload={},
        request_id=turn_id,
    )
    await invoker.forget(errand)
    await store.done(user.key, item.session_id)
