"""The reports as JUnit XML, for build servers: a suite for each target, a case for each attack. What got through
unexpectedly is a failure; what could not be judged, does not apply or was expected is skipped with its sentence."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from doorward.probe.finding import Result
from doorward.probe.runner import Report, Row

# What XML 1.0 cannot hold at all.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_report(reports: Sequence[Report]) -> str:
    """One document with a suite for each target."""
    suites = "".join(_suite(report) for report in reports)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="doorward probe">\n{suites}</testsuites>\n'


def _suite(report: Report) -> str:
    failures = len(report.unexpected())
    skipped = sum(1 for row in report.rows if row.result is not Result.BLOCKED) - failures
    numbers = f'tests="{len(report.rows)}" failures="{failures}" errors="0" skipped="{skipped}"'
    when = datetime.fromtimestamp(report.started, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    times = f'time="{report.ended - report.started:.3f}" timestamp="{when}"'
    cases = "".join(_case(report, row) for row in report.rows)
    return f"  <testsuite name={_attribute(report.target)} {numbers} {times}>\n{cases}  </testsuite>\n"


def _case(report: Report, row: Row) -> str:
    head = (
        f"    <testcase classname={_attribute(f'probe.{report.target}')} name={_attribute(f'{row.id} {row.title}')} "
        f'time="{row.seconds:.3f}"'
    )
    if row.result is Result.BLOCKED:
        return f"{head}/>\n"
    if row.result is Result.SUCCEEDED and not row.expected:
        told = "\n".join([row.sentence, f"To mend: {row.mend}", *(item.command for item in row.evidence)])
        inner = f'<failure type="succeeded" message={_attribute(row.sentence)}>{escape(_legal(told))}</failure>'
    else:
        word = "expected to get through" if row.expected else row.result.value
        inner = f"<skipped message={_attribute(f'{word}: {row.sentence}')}/>"
    return f"{head}>\n      {inner}\n    </testcase>\n"


def _attribute(text: str) -> str:
    return quoteattr(_legal(text))


def _legal(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
