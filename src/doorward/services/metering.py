"""Charges for calls of an agent that are no stored turns: set aside before the agent is called, settled when it ended.

The relay and the names of conversations ask here, and `MeteredRuntime` at an agent door that users or programs knock at
themselves. Fails closed: what cannot be reserved is not called (AP-LIM-02, AP-LIM-03, AP-BYP-09).
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog
from msgspec import Struct

from doorward.errors import DoorwardError, StoreUnavailable
from doorward.model.budget import Reservation, Spent
from doorward.model.chat import Usage
from doorward.model.principals import User, Workload
from doorward.ports.clock import Clock
from doorward.ports.conversations import BudgetStore, UsageStore
from doorward.services.budget import Budget

T = TypeVar("T")

log = structlog.get_logger()

# Seconds before each further try to settle what the store refused. What is never settled stays set aside: nobody gains.
RETRIES = (0.05, 0.2, 1.0, 5.0, *(30.0,) * 20)


class Bill(Struct):
    """What a call came to. `unsure` until its end was seen: then it costs at least what was set aside."""

    usage: Usage = Usage()
    unsure: bool = True


class Meter:
    """Keeps the charges of one process. Without a `budget` nothing is refused; with a `usage` store, tokens are shown
    to the user. Make it inside the event loop and close it before the store."""

    def __init__(
        self, budget: Budget | None, store: BudgetStore, clock: Clock, *, usage: UsageStore | None = None
    ) -> None:
        self._budget = budget
        self._store = store
        self._clock = clock
        self._usage = usage
        self._tasks: set[asyncio.Task[None]] = set()

    async def turn(self, payer: User | Workload) -> str:
        """Set aside what a call of an agent may cost. The charge's id; empty without a budget. Raises
        `TooManyRequests` (``budget_exhausted``) and `StoreUnavailable`."""
        if self._budget is None:
            return ""
        now = self._clock()
        if isinstance(payer, Workload):
            return await self._reserve(self._budget.for_workload(payer, now), now)
        return await self._reserve(self._budget.reservation(payer, now), now)

    @asynccontextmanager
    async def metered(self, user: User) -> AsyncIterator[Bill]:
        """One call of the agent for this user: reserved at the beginning, settled by the bill at the end."""
        charge_id = await self.turn(user)
        async with self._settled(charge_id, user) as bill:
            yield bill

    @asynccontextmanager
    async def name(self, user: User) -> AsyncIterator[Bill]:
        """The naming of one conversation of this user."""
        now = self._clock()
        charge_id = await self._reserve(self._budget.for_name(user, now), now) if self._budget is not None else ""
        async with self._settled(charge_id, user) as bill:
            yield bill

    async def settle(self, charge_id: str, payer: User | Workload, bill: Bill) -> None:
        """Put what was spent in place of what was set aside. Cancelling this does not stop it; it never raises."""
        await asyncio.shield(self._keep(self._settle(charge_id, payer, bill)))

    async def close(self) -> None:
        """Wait for what is being settled; what the store refuses stays set aside."""
        tasks = list(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=1.0)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    @asynccontextmanager
    async def _settled(self, charge_id: str, user: User) -> AsyncIterator[Bill]:
        bill = Bill()
        try:
            yield bill
        finally:
            await self.settle(charge_id, user, bill)

    async def _reserve(self, reservation: Reservation, now: float) -> str:
        charge_id = uuid.uuid4().hex
        writing = asyncio.ensure_future(self._store.reserve(charge_id, reservation, at=now))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            self._keep(self._give_back(charge_id, writing))
            raise
        return charge_id

    async def _give_back(self, charge_id: str, writing: "asyncio.Future[None]") -> None:
        """Whoever asked has gone, before anything was called."""
        try:
            await writing
        except DoorwardError:
            return
        await self._store_settled(charge_id, Bill(unsure=False))

    async def _settle(self, charge_id: str, payer: User | Workload, bill: Bill) -> None:
        if charge_id:
            await self._store_settled(charge_id, bill)
        spent = bill.usage.input_tokens or bill.usage.output_tokens
        if self._usage is not None and spent and isinstance(payer, User):
            try:
                await self._usage.add(payer.key, bill.usage, at=self._clock())
            except StoreUnavailable as error:
                log.warning("usage_not_counted", code=error.code)

    async def _store_settled(self, charge_id: str, bill: Bill) -> None:
        if self._budget is None:
            return
        spent = Spent(amount=self._budget.cost(bill.usage), unsure=bill.unsure)
        for delay in (0.0, *RETRIES):
            await asyncio.sleep(delay)
            try:
                await self._store.settle(charge_id, spent)
            except StoreUnavailable:
                continue
            return
        log.error("charge_left_open")

    def _keep(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
