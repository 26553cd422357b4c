"""Memory's bodies as AgentCore's model has them: closed, with its patterns and limits. Times are seconds since 1970."""

import math
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from doorward.errors import InvalidInput
from doorward.model.memory import Branch, Event, EventQuery, KeptSession, MetadataTest, Operator

T = TypeVar("T")

_TEXTS = r"^[a-zA-Z0-9\s._:/=+@-]*\Z"
# The last second that fits into a date of four digits.
_LAST_SECOND = 253_402_300_799
_JSON_BYTES = 100_000

Key = Annotated[str, Meta(min_length=1, max_length=128, pattern=_TEXTS)]
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*\Z")]
Limit = Annotated[int, Meta(ge=1, le=100)]
Token = Annotated[str, Meta(min_length=1, max_length=512)]
Cursor = Annotated[str, Meta(min_length=1, max_length=2048)]


class Closed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of the bodies: what AgentCore does not know is refused."""


class Value(Closed, frozen=True, kw_only=True):
    """A value of metadata."""

    string_value: Annotated[str, Meta(max_length=256, pattern=_TEXTS)]


class Content(Closed, frozen=True, kw_only=True):
    """What was said."""

    text: Annotated[str, Meta(min_length=1, max_length=100_000)]


class Conversational(Closed, frozen=True, kw_only=True):
    """A message."""

    role: Literal["USER", "ASSISTANT", "TOOL", "OTHER"]
    content: Content


class Document(Closed, frozen=True, kw_only=True):
    """Structured data, at most 100 KB."""

    content: Raw


class Item(Closed, frozen=True, kw_only=True):
    """One of three: a message, any JSON, structured data."""

    conversational: Conversational | UnsetType = UNSET
    blob: Raw | UnsetType = UNSET
    json: Document | UnsetType = UNSET


class BranchBody(Closed, frozen=True, kw_only=True):
    """A branch, and for its first event where it forks off."""

    name: Name
    root_event_id: Annotated[str, Meta(pattern=r"^[0-9]{1,32}#[a-fA-F0-9]{1,64}\Z")] | None = None


class Extraction(Closed, frozen=True, kw_only=True):
    """Taken and not used: nothing is drawn out of events here."""

    namespace_variables: Annotated[dict[str, str], Meta(min_length=1, max_length=5)] | None = None


class CreateEventBody(Closed, frozen=True, kw_only=True):
    """The body of CreateEvent."""

    actor_id: str
    event_timestamp: Annotated[float, Meta(ge=0, le=_LAST_SECOND)]
    payload: Annotated[list[Raw], Meta(max_length=100)]
    session_id: str | None = None
    branch: BranchBody | None = None
    client_token: Token | None = None
    metadata: Annotated[dict[Key, Value], Meta(max_length=15)] = field(default_factory=dict)
    extraction_mode: Literal["SKIP"] | None = None
    extraction_config: Extraction | None = None


class Left(Closed, frozen=True, kw_only=True):
    """What is looked at."""

    metadata_key: Key


class Right(Closed, frozen=True, kw_only=True):
    """What it is compared with."""

    metadata_value: Value


class Expression(Closed, frozen=True, kw_only=True):
    """A condition on metadata."""

    left: Left
    operator: Operator
    right: Right | None = None


class BranchFilter(Closed, frozen=True, kw_only=True):
    """Events of one branch."""

    name: Name
    include_parent_branches: bool = False


class EventFilter(Closed, frozen=True, kw_only=True):
    """Conditions that hold together."""

    branch: BranchFilter | None = None
    event_metadata: Annotated[list[Expression], Meta(min_length=1, max_length=5)] | None = None


class ListBody(Closed, frozen=True, kw_only=True):
    """The body of ListActors."""

    max_results: Limit = 20
    next_token: Cursor | None = None


class SessionFilter(Closed, frozen=True, kw_only=True):
    """Only sessions that have events."""

    event_filter: Literal["HAS_EVENTS"] | None = None


class ListSessionsBody(ListBody, frozen=True, kw_only=True):
    """The body of ListSessions."""

    filter: SessionFilter | None = None


class ListEventsBody(ListBody, frozen=True, kw_only=True):
    """The body of ListEvents."""

    include_payloads: bool = True
    filter: EventFilter | None = None


def read_body(body: bytes, kind: type[T]) -> T:
    """Raises `InvalidInput`: ``invalid_json``, or ``invalid_memory_body`` with the place that does not fit."""
    try:
        # As text: what is kept as it came must be text too, and msgspec does not look into it.
        return msgspec.json.decode(body.decode() or "{}", type=kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The body does not fit: {error}.", code="invalid_memory_body") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise InvalidInput("The body is not JSON that can be read.", code="invalid_json") from None


def payload_of(items: list[Raw]) -> bytes:
    """The payload as it is kept: each item checked, and not changed. Raises as `read_body`."""
    for raw in items:
        item = read_body(bytes(raw), Item)
        if [item.conversational, item.blob, item.json].count(UNSET) != 2:
            raise InvalidInput("A payload is one of conversational, blob and json.", code="invalid_memory_body")
        if isinstance(item.json, Document) and len(bytes(item.json.content)) > _JSON_BYTES:
            raise InvalidInput("The content of a json payload is larger than 100 KB.", code="invalid_memory_body")
    return b"[" + b",".join(bytes(raw) for raw in items) + b"]"


def milliseconds_of(seconds: float) -> int:
    """AgentCore's resolution."""
    return math.floor(seconds * 1000 + 0.5)


def query_of(body: ListEventsBody) -> EventQuery:
    """Raises `InvalidInput` for a comparison without a value."""
    wanted = body.filter or EventFilter()
    return EventQuery(
        limit=body.max_results,
        cursor=body.next_token,
        payloads=body.include_payloads,
        branch=wanted.branch.name if wanted.branch else None,
        parents=wanted.branch.include_parent_branches if wanted.branch else False,
        metadata=tuple(_test(expression) for expression in wanted.event_metadata or ()),
    )


def _test(expression: Expression) -> MetadataTest:
    if (expression.operator == "EQUALS_TO") != (expression.right is not None):
        detail = "EQUALS_TO needs a value to compare with; EXISTS and NOT_EXISTS take none."
        raise InvalidInput(detail, code="invalid_memory_body")
    value = expression.right.metadata_value.string_value if expression.right else ""
    return MetadataTest(expression.left.metadata_key, expression.operator, value)


def branch_of(body: BranchBody | None) -> Branch | None:
    """As the store takes it."""
    return None if body is None else Branch(name=body.name, root_event_id=body.root_event_id)


def event_to_wire(event: Event) -> dict[str, Any]:
    """An event as AgentCore answers it."""
    where = event.where
    told: dict[str, Any] = {
        "memoryId": where.memory,
        "actorId": where.actor,
        "sessionId": where.session,
        "eventId": event.event_id,
        "eventTimestamp": event.at / 1000,
        "payload": event.payload,
    }
    if event.branch is not None:
        told["branch"] = event.branch
    if event.metadata:
        told["metadata"] = {key: {"stringValue": value} for key, value in event.metadata.items()}
    return told


def session_to_wire(session: KeptSession) -> dict[str, Any]:
    """A summary of a session."""
    return {"sessionId": session.session, "actorId": session.actor, "createdAt": session.created_at}
