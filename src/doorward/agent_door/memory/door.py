"""The ordered list in front of the memories. In every pattern a workload's signature opens it, and no user's token."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from doorward.agent_door.checks.one_place import OnePlace
from doorward.agent_door.checks.signature import Signature, WorkloadKey
from doorward.agent_door.checks.signed_head import SignedHead
from doorward.agent_door.memory.body import EventSize, MemoryBody
from doorward.agent_door.memory.desk import MemoryDesk
from doorward.agent_door.memory.entered import Entered
from doorward.agent_door.memory.may_use import MayUseMemory, MemoryRate
from doorward.agent_door.visit import Check
from doorward.model.memory import Bounds
from doorward.model.settings import AgentSettings, MemorySettings
from doorward.ports.clock import Clock
from doorward.ports.ledger import Ledger
from doorward.ports.memory import MemoryStore

_DAY = 86400.0
_MINUTE = 60.0


class Memories(Struct, frozen=True, kw_only=True):
    """The memories of a house: their checks, and what answers behind them."""

    checks: Sequence[Check]
    desk: MemoryDesk


class MemoryParts(Struct, frozen=True, kw_only=True):
    """What they are made of."""

    memories: Sequence[MemorySettings]
    store: MemoryStore
    keys: Iterable[WorkloadKey]


def memories_of(parts: MemoryParts, settings: AgentSettings, ledger: Ledger, clock: Clock) -> Memories:
    """The list, in its order."""
    bounds = {
        memory.id: Bounds(
            keep=memory.expiry_days * _DAY,
            session_events=memory.max_session_events,
            session_bytes=memory.max_session_bytes,
        )
        for memory in parts.memories
    }
    limits = {memory.id: memory.max_event_bytes for memory in parts.memories}
    checks: tuple[Check, ...] = (
        OnePlace(),
        SignedHead(region=settings.region, skew=settings.skew, clock=clock),
        MemoryBody(max(limits.values(), default=0)),
        Signature(parts.keys),
        MemoryRate(settings.memory_requests, _MINUTE),
        MayUseMemory(bounds),
        EventSize(limits),
        Entered(ledger, clock=clock),
    )
    return Memories(checks=checks, desk=MemoryDesk(parts.store, bounds))
