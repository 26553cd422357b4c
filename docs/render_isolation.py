"""Writes docs/reference/isolation.md: runs the hostile agent in a house of each kind and says what it reached.

``.venv/bin/python docs/render_isolation.py``, from the root of a checkout.
"""

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.attack.hostile import ATTEMPTS, Field, abstract_listener, fields  # noqa: E402

from doorward.runtime.worker.confine.session import enforced  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "isolation.md"
HEAD = """# What a session can reach

`examples/hostile/agent.py` attacks the house that hosts it. Here is what it reached in a real house, with one process
for all conversations (`agent.isolation = "shared"`), with a process for each (`"session"`, the default on Linux), and
with the network closed as well (`agent.network = "none"`). This page is written by `docs/render_isolation.py`, which
makes every attempt; `tests/attack/test_hostile_agent.py` makes them again in every run of the tests, and the bombs
too (processes, memory, disk, folders nested without end or closed to their owner, descriptors, processors), each of
which ends its own session and no other.

"""


def main() -> None:
    """Run the three houses and write the page."""
    with abstract_listener():
        columns = [_reached("shared", "open"), _reached("session", "open"), _reached("session", "none")]
    rows = [
        f"| {attempt.threat} | {attempt.what} | " + " | ".join(column[name] for column in columns) + " |"
        for name, attempt in ATTEMPTS.items()
    ]
    who = "root" if os.getuid() == 0 else "an ordinary user"
    when = datetime.now(UTC).date()
    PAGE.write_text(
        HEAD
        + f"Run on {when}, Linux {platform.release().split('-')[0]}, {platform.machine()}, as {who}. "
        + "Enforced in a session: "
        + ", ".join(enforced(network=False))
        + ".\n\n| threat | attempt | shared | session | session, no network |\n|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n\nWhat is weaker than a microVM stands in [SECURITY.md](../../SECURITY.md).\n",
        encoding="utf-8",
    )


def _reached(isolation: str, network: str) -> dict[str, str]:
    with fields(isolation, network=network) as field:
        return {name: _word(field, name) for name in ATTEMPTS}


def _word(field: Field, name: str) -> str:
    return "kept out" if field.tries(ATTEMPTS[name].told(field))["got"] is None else "**reached**"


if __name__ == "__main__":
    main()
