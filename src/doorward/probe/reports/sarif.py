"""The reports as SARIF 2.1.0 (OASIS), for code scanning: a rule for each attack, a result for each that got through
(``error``; ``warning`` when it was expected) or could not be judged (``note``)."""

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from doorward import __version__
from doorward.probe.finding import Result
from doorward.probe.links import link_of
from doorward.probe.runner import Report, Row

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_Object = dict[str, object]


def sarif_report(reports: Sequence[Report]) -> str:
    """One run with all targets."""
    rules = {row.id: row for report in reports for row in report.rows}
    ids = sorted(rules)
    results = [
        _result(report, row, ids.index(row.id))
        for report in reports
        for row in report.rows
        if row.result in (Result.SUCCEEDED, Result.INCONCLUSIVE)
    ]
    driver = {"name": "doorward probe", "version": __version__, "rules": [_rule(rules[id_]) for id_ in ids]}
    run = {"tool": {"driver": driver}, "results": results, "columnKind": "unicodeCodePoints"}
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode() + "\n"


def _rule(row: Row) -> _Object:
    rule: _Object = {
        "id": row.id,
        "name": row.title,
        "shortDescription": {"text": row.title},
        "fullDescription": {"text": row.does},
        "help": {"text": f"{row.mend}\n\nSources: {', '.join(row.sources)}"},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security", *row.sources]},
    }
    helps = next(filter(None, map(link_of, row.sources)), "")
    return {**rule, "helpUri": helps} if helps else rule


def _result(report: Report, row: Row, index: int) -> _Object:
    level = "note" if row.result is Result.INCONCLUSIVE else "warning" if row.expected else "error"
    lines = [f"{row.id} {row.result.value} on {report.target}: {row.sentence}", f"To mend: {row.mend}"]
    lines += [item.command for item in row.evidence]
    fingerprint = sha256(f"{row.id} {report.target} {report.pattern}".encode()).hexdigest()
    return {
        "ruleId": row.id,
        "ruleIndex": index,
        "level": level,
        "kind": "fail" if level != "note" else "review",
        "message": {"text": "\n".join(lines)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": report.url}, "region": {"startLine": 1}},
                "logicalLocations": [{"name": report.target, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"attackOnTarget/v1": fingerprint},
        "properties": {"pattern": report.pattern, **row.figures},
    }
