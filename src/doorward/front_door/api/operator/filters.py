"""The filters of the ledger's routes, read from the query."""

from datetime import datetime

from doorward.errors import InvalidInput
from doorward.front_door.api.parameters import SCHEMAS, bounded
from doorward.model.console import LedgerFilter
from doorward.ports.operator import LedgerDesk

FILTERS = ("user", "door", "verdict", "code", "session_id", "since", "until", "console")


async def wanted_of(query: dict[str, str], desk: LedgerDesk) -> LedgerFilter:
    """The entries that the query asks for. `InvalidInput` (``invalid_parameter``)."""
    wanted = LedgerFilter(
        door=_word(query, "door") or "",
        verdict=_word(query, "verdict") or "",
        code=_word(query, "code") or "",
        since=time_of(query, "since"),
        until=time_of(query, "until"),
        without_console=_word(query, "console") == "hide",
    )
    return await desk.narrowed(wanted, user=_word(query, "user"), session_id=_word(query, "session_id"))


def time_of(query: dict[str, str], name: str) -> float | None:
    """A time in RFC 3339 with its zone, as seconds since 1970."""
    text = bounded(query, name, 40)
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InvalidInput(f"{name} is a time such as 2026-01-02T03:04:05Z.", code="invalid_parameter")
    return time.timestamp()


def _word(query: dict[str, str], name: str) -> str | None:
    schema = SCHEMAS[name]
    value = bounded(query, name, schema.get("maxLength", 64))
    if value is not None and value not in schema.get("enum", (value,)):
        raise InvalidInput(f"{name} is one of: {', '.join(schema['enum'])}.", code="invalid_parameter")
    return value
