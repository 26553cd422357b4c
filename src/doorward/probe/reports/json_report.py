"""The reports as JSON, for programs. The shape is that of `Report`, with sums."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from doorward.probe.runner import Report

VERSION = 1


def json_report(reports: Sequence[Report]) -> str:
    """``{"version": 1, "targets": [...], "sums": {target: {result: count}}, "unexpected": ["ID@target", ...]}``."""
    sums = {report.target: dict(Counter(row.result.value for row in report.rows)) for report in reports}
    unexpected = [f"{row.id}@{report.target}" for report in reports for row in report.unexpected()]
    whole = {"version": VERSION, "targets": reports, "sums": sums, "unexpected": unexpected}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"
