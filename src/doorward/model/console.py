"""What operators look at and do, as plain data. Times are seconds since 1970. Never holds a message's text."""

from typing import Literal

from msgspec import Struct

from doorward.model.ledger import ChainFault, LedgerEntry
from doorward.model.principals import User


class Act(Struct, frozen=True):
    """What an operator is about to change: who, and in which request."""

    operator: User
    request_id: str


class LedgerFilter(Struct, frozen=True, kw_only=True):
    """Which entries are wanted: all that is set must fit. Of a tuple, one must: `principals` who knocked or for whom,
    `requests` and `turns` by their ids, `session_id` the conversation that is named in the resource.

    `requests`, `turns` and `session_id` are one condition: an entry that fits any of the three is wanted.
    `without_console` leaves out what operators were shown by the console.
    """

    door: str = ""
    verdict: str = ""
    code: str = ""
    principals: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    turns: tuple[str, ...] = ()
    session_id: str = ""
    since: float | None = None
    until: float | None = None
    without_console: bool = False


class FoundEntry(Struct, frozen=True, kw_only=True):
    """An entry with its place: the chain's name, and the sequence in it. `hash` in hex."""

    chain: str
    sequence: int
    entry: LedgerEntry
    hash: str


class LedgerPage(Struct, frozen=True, kw_only=True):
    """Entries of all chains, newest first. A page may be short, even empty, and still have a next one: a search reads a
    bounded number of entries at a time, and `read_back_to` is how far it came. `unread` are chains that could not be
    read from here."""

    items: list[FoundEntry]
    next_cursor: str | None
    read_back_to: float | None
    unread: tuple[str, ...] = ()


class ChainPlace(Struct, frozen=True):
    """A link that was found good: the next one follows from it."""

    sequence: int
    hash: bytes


class ChainStep(Struct, frozen=True, kw_only=True):
    """The outcome of verifying the next links: how far they hold, whether that is the end, and the fault if any."""

    place: ChainPlace
    at_end: bool
    fault: ChainFault | None = None


class ChainState(Struct, frozen=True, kw_only=True):
    """What is known about one chain. `state`: ``holds`` and ``broken`` are about the entries up to `verified_to`;
    ``unread`` means that its file cannot be read from here. `whole_at` is when it was last walked from its start."""

    chain: str
    state: Literal["holds", "broken", "unread"]
    entries: int
    verified_to: int
    verified_at: float | None
    whole_at: float | None
    walking: bool
    fault: ChainFault | None
    head: str


class OpenTurn(Struct, frozen=True, kw_only=True):
    """A turn that runs now. Who and where, and nothing of what is said in it."""

    turn_id: str
    session_id: str
    owner: str
    username: str
    started_at: float
    request_id: str


class KnownTurn(Struct, frozen=True, kw_only=True):
    """A stored turn, for the story of its request."""

    turn_id: str
    session_id: str
    owner: str
    status: str
    started_at: float
    finished_at: float | None
    error_code: str | None
    model: str
    input_tokens: int
    output_tokens: int
    request_id: str


class Story(Struct, frozen=True, kw_only=True):
    """All that the house knows about one request, oldest first. `complete`: nothing was left unread."""

    request_id: str
    entries: list[FoundEntry]
    turns: list[KnownTurn]
    complete: bool


class SettingInForce(Struct, frozen=True, kw_only=True):
    """A setting as it is in force: `value` as JSON text, secrets as stars; `source` says where it comes from, `origin`
    which file or variable."""

    key: str
    value: str
    source: Literal["default", "file", "environment", "command line", "start"]
    origin: str
    description: str


class Remark(Struct, frozen=True):
    """One line of the check-up: `state` is ``ok``, ``note`` or ``bad``."""

    state: str
    text: str


class BudgetOfDay(Struct, frozen=True, kw_only=True):
    """What all users together may spend on a UTC day: tokens and dollars. None: no limit."""

    tokens: int | None
    money: float | None


class DoorNow(Struct, frozen=True, kw_only=True):
    """One door over the last minute. `state`: ``open``; ``silent``, its process does not answer; ``absent``, it has
    had no visitor or is not in this house. Rates are per second, latencies in seconds."""

    door: str
    state: Literal["open", "silent", "absent"]
    allowed_rate: float
    refused_rate: float
    refused: dict[str, int]
    p50: float | None
    p95: float | None
    p99: float | None


class HouseNow(Struct, frozen=True, kw_only=True):
    """The house now. `over` is the length of "the last minute" in seconds; 0 before there is a sample. Money in
    dollars."""

    at: float
    over: float
    doors: list[DoorNow]
    active_turns: int
    open_streams: int
    runs: int
    restarts: int
    turns_today: int
    tokens_today: int
    money_today: float
    budget: BudgetOfDay
    silent: tuple[str, ...]


class DoorSeries(Struct, frozen=True, kw_only=True):
    """One door over time, a value for each moment of the series; None where its process did not answer, and of a
    latency where nobody came."""

    door: str
    allowed_rate: list[float | None]
    refused_rate: list[float | None]
    p50: list[float | None]
    p95: list[float | None]
    p99: list[float | None]


class Series(Struct, frozen=True, kw_only=True):
    """The house over an hour or a day: `at` are the moments. `refused` counts refusals by code, all doors together,
    the most frequent codes by name and the others as ``(others)``."""

    window: Literal["hour", "day"]
    at: list[float]
    doors: list[DoorSeries]
    refused: dict[str, list[int]]
    active_turns: list[int]
    open_streams: list[int]
    tokens_today: list[int]
    money_today: list[float]
    budget: BudgetOfDay
