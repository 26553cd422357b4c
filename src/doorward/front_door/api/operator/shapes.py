"""What goes over the wire of the operators' API, as closed structs. Never a message's text."""

from typing import Annotated, Literal

from msgspec import Meta

from doorward.front_door.api.shapes import Shape, Timestamp, timestamp
from doorward.model.console import ChainState, FoundEntry, KnownTurn, OpenTurn
from doorward.model.principals import User
from doorward.model.sign_in import Account


class EntryItem(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the ledger: its chain, its place in it, and who did what at which door with which verdict."""

    chain: str
    sequence: int
    at: Timestamp
    door: str
    verdict: str
    code: str
    principal: str
    on_behalf_of: str
    action: str
    resource: str
    request_id: str
    turn_id: str
    hash: str


class EntryList(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Entries of all chains, newest first. A page can be short and still have a next one, since a search reads so many
    entries at a time; `read_back_to` says how far back it came, null: to the start. `unread` are chains that cannot be
    read from here."""

    entries: list[EntryItem]
    next_cursor: str | None
    read_back_to: Timestamp | None
    unread: list[str]


class ChainItem(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One chain: whether it holds as far as it was verified, and when it last was. `head` is the newest hash."""

    chain: str
    state: Literal["holds", "broken", "unread"]
    entries: int
    verified_to: int
    verified_at: Timestamp | None
    whole_at: Timestamp | None
    walking: bool
    fault_sequence: int | None
    fault_reason: str | None
    head: str


class ChainList(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every chain of the house."""

    chains: list[ChainItem]


class StoryTurn(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A turn that a request began."""

    turn_id: str
    session_id: str
    actor_id: str
    status: str
    started_at: Timestamp
    finished_at: Timestamp | None
    error_code: str | None
    model: str
    input_tokens: int
    output_tokens: int


class RequestStory(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One request across all doors, oldest first. `complete` is false when not everything could be read."""

    request_id: str
    entries: list[EntryItem]
    turns: list[StoryTurn]
    complete: bool


class UserItem(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user of the embedded sign-in. `actor_id` is the key that the ledger knows them by."""

    subject: str
    actor_id: str
    username: str
    email: str
    roles: list[str]
    disabled: bool
    created_at: Timestamp


class UserList(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of users, by name."""

    users: list[UserItem]
    next_cursor: str | None


class NewUser(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is added. Without `email` it is made from the name."""

    username: Annotated[str, Meta(min_length=1, max_length=64)]
    email: Annotated[str, Meta(max_length=254)] = ""
    roles: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=8)] = ()


class AddedUser(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The user, and the password that was made: it is shown this once."""

    user: UserItem
    password: str


class Roles(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The roles that a user is to have."""

    roles: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=8)]


class OpenTurnItem(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A turn that runs now."""

    turn_id: str
    session_id: str
    actor_id: str
    username: str
    started_at: Timestamp
    request_id: str


class OpenTurnList(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The turns that run now, oldest first, the first 1000 of `total`."""

    turns: list[OpenTurnItem]
    total: int


class SettingItem(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A setting in force: `value` as JSON text, secrets as stars. `source` is where it comes from, `origin` which file
    or variable."""

    key: str
    value: str
    source: Literal["default", "file", "environment", "command line", "start"]
    origin: str
    description: str


class SettingList(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration in force."""

    settings: list[SettingItem]


class RemarkItem(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the check-up."""

    state: Literal["ok", "note", "bad"]
    text: str


class CheckUp(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `doorward doctor` says."""

    at: Timestamp
    remarks: list[RemarkItem]


def entry_item(found: FoundEntry) -> EntryItem:
    """An entry as the API shows it."""
    entry = found.entry
    return EntryItem(
        chain=found.chain,
        sequence=found.sequence,
        at=timestamp(entry.at),
        door=entry.door,
        verdict=entry.verdict,
        code=entry.code,
        principal=entry.principal,
        on_behalf_of=entry.on_behalf_of,
        action=entry.action,
        resource=entry.resource,
        request_id=entry.request_id,
        turn_id=entry.turn_id,
        hash=found.hash,
    )


def chain_item(state: ChainState) -> ChainItem:
    """A chain as the API shows it."""
    return ChainItem(
        chain=state.chain,
        state=state.state,
        entries=state.entries,
        verified_to=state.verified_to,
        verified_at=_time(state.verified_at),
        whole_at=_time(state.whole_at),
        walking=state.walking,
        fault_sequence=state.fault.sequence if state.fault else None,
        fault_reason=state.fault.reason if state.fault else None,
        head=state.head,
    )


def story_turn(turn: KnownTurn) -> StoryTurn:
    """A stored turn as the API shows it."""
    return StoryTurn(
        turn_id=turn.turn_id,
        session_id=turn.session_id,
        actor_id=turn.owner,
        status=turn.status,
        started_at=timestamp(turn.started_at),
        finished_at=_time(turn.finished_at),
        error_code=turn.error_code,
        model=turn.model,
        input_tokens=turn.input_tokens,
        output_tokens=turn.output_tokens,
    )


def user_item(account: Account, issuer: str) -> UserItem:
    """A user as the API shows it."""
    return UserItem(
        subject=account.subject,
        actor_id=User(issuer=issuer, subject=account.subject, username=account.username).key,
        username=account.username,
        email=account.email,
        roles=sorted(account.roles),
        disabled=account.disabled,
        created_at=timestamp(account.created_at),
    )


def open_turn_item(turn: OpenTurn) -> OpenTurnItem:
    """A running turn as the API shows it."""
    return OpenTurnItem(
        turn_id=turn.turn_id,
        session_id=turn.session_id,
        actor_id=turn.owner,
        username=turn.username,
        started_at=timestamp(turn.started_at),
        request_id=turn.request_id,
    )


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else timestamp(seconds)


class AgentItem(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent; `stopped_at` is null while it may run."""

    name: str
    stopped_at: Timestamp | None


class SessionItem(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session: whose it is (the user's key), the process it has (null: none of its own), and the turn that runs in it
    (null: it idles)."""

    owner: str
    agent: str
    session_id: str
    process: int | None
    started_at: Timestamp
    idle_seconds: float
    turn_id: str | None


class RuntimeView(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What runs in the runtime: its agents, the first 1,000 sessions, and how many there are."""

    agents: list[AgentItem]
    sessions: list[SessionItem]
    total: int
