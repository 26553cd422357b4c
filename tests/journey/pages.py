"""A house for the tests of the page, with the agent of `page_agent`, and what fills it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.journey.house import House, running_house

AGENT = Path(__file__).parent / "page_agent" / "agent.py"


@dataclass
class PageHouse:
    """A running house, and the folder in which its agent looks for open gates."""

    house: House
    gates: Path

    def open_gate(self, name: str) -> None:
        """The answer that waits for this gate goes on."""
        (self.gates / name).touch()


@contextmanager
def page_house(folder: Path, *options: str, config: str | None = None) -> Iterator[PageHouse]:
    """A house of the pattern `conversations`, or of another by `options`."""
    gates = folder / "gates"
    gates.mkdir(parents=True, exist_ok=True)
    agent = folder / "agent.py"
    agent.write_text(AGENT.read_text(encoding="utf-8").replace("GATES_FOLDER", str(gates)), encoding="utf-8")
    with running_house(folder / "house", "--agent", f"{agent}:stream", *options, config=config) as house:
        yield PageHouse(house, gates)
