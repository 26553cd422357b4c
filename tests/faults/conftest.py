"""Runs the long scenarios only when asked (``make faults``), and writes the table of what was found."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.faults.scenario import ORDER, Figures

HEAD = """# Faults that were survived

Written by `make faults`, which injects each fault into real processes and writes what it asserted and found. The ids
are those of the catalogue that the tests name. `tests/faults` holds the scenarios; those without a mark run in every
`make test` too, the long ones (L) in `make faults` alone.

"""
NOT_HERE = """
Not here: F-07 (the store has no server that could restart), F-11 (limits count in memory; there is no Redis), F-12 and
F-26 (policies and approvals come with the tool door), F-19 (`tests/unit/ledger/test_chain.py`), F-25
(`tests/unit/stores/test_sqlite_migrations.py`), F-29. F-28, the soak, is a measurement: `make bench ARGS="--only
soak"`, ten minutes, or an hour with `--full`. Of F-03 there is the part that exists: the tool door, whose intents it
speaks of, is not there yet.
"""


# Where the table goes; with it the long scenarios run too. Set by ``make faults``.
FILE = os.environ.get("FAULTS_TABLE", "")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(fault, injected, asserted): a scenario of tests/faults")
    config.addinivalue_line("markers", "long: runs with make faults only")
    if FILE:
        config.pluginmanager.register(Table(Path(FILE)), "faults-table")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        mark = item.get_closest_marker("fault")
        if mark is not None:
            long = item.get_closest_marker("long") is not None
            item.user_properties += [(name, str(value)) for name, value in mark.kwargs.items()] + [("long", long)]
    # The run that writes the table cannot hold it against what stood there before.
    if FILE:
        left_out = [item for item in items if item.get_closest_marker("fault") is None]
    else:
        left_out = [item for item in items if item.get_closest_marker("long") is not None]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Figures:
    return Figures(request.node.user_properties)


class Table:
    """Collects the results, and writes them at the end."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._rows: dict[str, tuple[dict[str, str], list[str], str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        found = dict(report.user_properties)
        if "fault" not in found or (report.when != "call" and report.passed):
            return
        figures = [str(value) for name, value in report.user_properties if name == "figure"]
        result = {"passed": "held", "skipped": "not run here"}.get(report.outcome, "BROKEN")
        self._rows[report.nodeid] = ({name: str(value) for name, value in found.items()}, figures, result)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        rows = sorted(self._rows.values(), key=lambda row: ORDER.index(row[0]["fault"]))
        who = "root" if os.geteuid() == 0 else "an ordinary user"
        kernel = platform.release().split("-")[0]
        machine = f"{os.cpu_count()} cores, Linux {kernel}, Python {platform.python_version()}"
        lines = [
            HEAD,
            f"Last run {datetime.now(UTC).date()}, {machine}, as {who}: {len(rows)} scenarios.\n\n",
            "| fault | what was injected | what was asserted | found | result |\n|---|---|---|---|---|\n",
            *(_line(*row) for row in rows),
            NOT_HERE,
        ]
        if rows and not session.shouldstop:
            self._file.write_text("".join(lines), encoding="utf-8")


def _line(found: dict[str, str], figures: list[str], result: str) -> str:
    name = found["fault"] + (" (L)" if found["long"] == "True" else "")
    return f"| {name} | {found['injected']} | {found['asserted']} | {'; '.join(figures)} | {result} |\n"
