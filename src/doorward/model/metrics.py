"""What the house measures about itself, as plain data: readings of counters, and samples between two of them."""

from msgspec import Struct, field

# Upper bounds of a request's time, in seconds; what took longer is counted in one more bucket.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class DoorCounts(Struct, frozen=True, kw_only=True):
    """Of one door: verdicts that allowed, refusals by code, and answered requests by `BUCKETS` (not cumulative).

    In a `Reading` they count from the start of the process, in a `Sample` within it.
    """

    allowed: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    latency: tuple[int, ...] = (0,) * (len(BUCKETS) + 1)


class Reading(Struct, frozen=True, kw_only=True):
    """The counters of one process at one moment. `turns` by outcome; `runs` are invocations that reached a worker."""

    doors: dict[str, DoorCounts] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    runs: int = 0
    restarts: int = 0
    active_turns: int = 0
    open_streams: int = 0


class Spend(Struct, frozen=True, kw_only=True):
    """What all users together spent on a UTC day: turns that ended, tokens, and money in billionths of a dollar."""

    turns: int = 0
    tokens: int = 0
    money: int = 0


class Sample(Struct, frozen=True, kw_only=True):
    """What happened in the `seconds` before `at` (seconds since 1970), and how it stood then.

    A door whose process did not answer is missing from `doors`; `silent` names those processes.
    """

    at: float
    seconds: float
    doors: dict[str, DoorCounts] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    runs: int = 0
    restarts: int = 0
    active_turns: int = 0
    open_streams: int = 0
    spend: Spend = field(default_factory=Spend)
    silent: tuple[str, ...] = ()
