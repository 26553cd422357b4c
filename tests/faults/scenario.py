"""A fault scenario: what is injected into real processes, what is asserted, and a figure for the table."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., Any])
ORDER = ("F-01", "F-02", "F-03", "F-04", "F-05", "F-06", "F-08", "F-09", "F-10", "F-13", "F-14", "F-15", "F-16", "F-17",
         "F-18", "F-20", "F-21", "F-22", "F-23", "F-24", "F-27")  # fmt: skip


def scenario(fault: str, *, injected: str, asserted: str, long: bool = False) -> Callable[[Test], Test]:
    """Marks a test as the scenario of a fault of the catalogue. `long` ones run with ``make faults`` only."""
    if fault not in ORDER:
        raise ValueError(fault)

    def mark(test: Test) -> Test:
        marked = pytest.mark.fault(fault=fault, injected=injected, asserted=asserted)(test)
        return pytest.mark.long(marked) if long else marked

    return mark


class Figures:
    """What a scenario measured, in words: ``0.7 s``, ``200 kills``."""

    def __init__(self, properties: list[tuple[str, object]]) -> None:
        self._properties = properties

    def say(self, text: str) -> None:
        """A figure for the scenario's row."""
        self._properties.append(("figure", text))
