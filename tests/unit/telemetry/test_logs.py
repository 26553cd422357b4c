"""What the logs do when they cannot be written, and what a traceback shows."""

import importlib.util
import io
import sys
from collections.abc import Iterator

import pytest
import structlog

from doorward.telemetry.logs import configure_logs

TOKEN = "a-token-that-is-a-value"


class FullDisk(io.StringIO):
    """A stream whose disk is full."""

    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def configuration() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize("level", ["info", "warning", "error", "critical"])
def test_a_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    """A request must not fail for its log line: with the log on a full disk, reading still works (F-05)."""
    monkeypatch.setattr(sys, "stderr", FullDisk())
    configure_logs("test", level="info", as_json=True)

    getattr(structlog.get_logger(), level)("something_happened")


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_shows_lines_and_no_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    """AP-AUD-07: rich is installed here, whose tracebacks print the variables of every frame."""
    assert importlib.util.find_spec("rich")
    monkeypatch.setattr(sys, "stderr", said := io.StringIO())
    configure_logs("test", level="info", as_json=as_json)
    try:
        fail(TOKEN)
    except ValueError as error:
        structlog.get_logger().exception("it_failed", exc_info=error)
    assert "in fail" in said.getvalue()
    assert "a defect" in said.getvalue()
    assert TOKEN not in said.getvalue() + capsys.readouterr().out


def fail(token: str) -> None:
    raise ValueError("a defect" if token else "")
