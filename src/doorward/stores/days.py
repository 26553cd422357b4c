"""UTC days as the stores write them (``YYYY-MM-DD``). Pure."""

from datetime import date, timedelta

from doorward.errors import InvalidInput


def first_day(days: int, today: str) -> str:
    """The first of the last `days` days up to `today`. `InvalidInput` for what is no day."""
    try:
        return (date.fromisoformat(today) - timedelta(days=days - 1)).isoformat()
    except (ValueError, OverflowError) as error:
        raise InvalidInput("A day is written YYYY-MM-DD.") from error
