"""What the logs do when they cannot be written."""

import io
import sys

import pytest
import structlog

from doorward.telemetry.logs import configure_logs


class FullDisk(io.StringIO):
    """A stream whose disk is full."""

    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("level", ["info", "warning", "error", "critical"])
def test_a_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    """A request must not fail for its log line: with the log on a full disk, reading still works (F-05)."""
    before = structlog.get_config()
    monkeypatch.setattr(sys, "stderr", FullDisk())
    try:
        configure_logs("test", level="info", as_json=True)

        getattr(structlog.get_logger(), level)("something_happened")
    finally:
        structlog.configure(**before)
        structlog.contextvars.clear_contextvars()
