"""Short-term memory as data: events of an actor's session in a memory, as Bedrock AgentCore Memory keeps them.

An actor is whoever an agent talks with, a session one conversation with them. Both are names of the caller's.
"""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

# The name of the branch that an event without one is on.
MAIN = "main"

Operator = Literal["EQUALS_TO", "EXISTS", "NOT_EXISTS"]


class MemorySession(Struct, frozen=True):
    """Where events are: the memory's id, the actor, the session."""

    memory: str
    actor: str
    session: str


class Branch(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A line of events that forks off behind `root_event_id`, which stands on another branch."""

    name: str
    root_event_id: str | None = None


class Bounds(Struct, frozen=True, kw_only=True):
    """What one memory holds: seconds that an event is kept, events and bytes (payload, metadata) of one session."""

    keep: float
    session_events: int
    session_bytes: int


class NewEvent(Struct, frozen=True, kw_only=True):
    """An event that is to be kept. `at` is its own time in milliseconds since 1970, as its maker says; `payload` is a
    JSON array; `metadata` has at most 15 entries. Equal `token`s of an actor with an equal `digest` are one event."""

    where: MemorySession
    at: int
    payload: bytes
    branch: Branch | None
    metadata: dict[str, str]
    token: str
    digest: bytes


class Event(Struct, frozen=True, kw_only=True):
    """An event that is kept. `payload` is the JSON array as it came, or empty where it was not asked for."""

    where: MemorySession
    event_id: str
    at: int
    payload: Raw
    branch: Branch | None
    metadata: dict[str, str]


class MetadataTest(Struct, frozen=True):
    """One condition on an event's metadata; `value` counts for ``EQUALS_TO`` only."""

    key: str
    operator: Operator
    value: str = ""


class EventQuery(Struct, frozen=True, kw_only=True):
    """Which events of a session: all conditions hold together. With `parents`, the branch's ancestors up to where it
    forked off are read too."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: str | None = None
    payloads: bool = True
    branch: str | None = None
    parents: bool = False
    metadata: tuple[MetadataTest, ...] = ()


class KeptSession(Struct, frozen=True, kw_only=True):
    """A session of an actor. `created_at` is in seconds since 1970."""

    session: str
    actor: str
    created_at: float
