"""The reports as one self-contained page: a matrix of verdicts, then each attack with what it does, its control, its
evidence and how to mend it. No script; its own style is allowed by hash, everything else is forbidden."""

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from importlib.resources import files

from doorward import __version__
from doorward.probe.evidence import Evidence
from doorward.probe.finding import Result
from doorward.probe.links import link_of
from doorward.probe.runner import Report, Row

_SIGNS = {
    Result.BLOCKED: ("\N{CHECK MARK}", "blocked"),
    Result.SUCCEEDED: ("\N{BALLOT X}", "succeeded"),
    Result.INCONCLUSIVE: ("?", "inconclusive"),
    Result.NOT_APPLICABLE: ("\N{EN DASH}", "none"),
}


def html_report(reports: Sequence[Report]) -> str:
    """The whole page. INVARIANT: everything that came from a target is escaped."""
    style = files("doorward.probe.reports").joinpath("page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    ids = sorted({row.id for report in reports for row in report.rows})
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>What the probe found</title>\n<style>{style}</style>\n</head>\n<body>\n<main>",
            "<h1>What the probe found</h1>",
            f'<p class="soft">Doorward {escape(__version__)}, {_when(reports)}</p>',
            _summary(reports),
            _matrix(reports, ids),
            "<h2>Each attack</h2>",
            *(_article(id_, reports) for id_ in ids),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _when(reports: Sequence[Report]) -> str:
    started = min((report.started for report in reports), default=0.0)
    return datetime.fromtimestamp(started, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _summary(reports: Sequence[Report]) -> str:
    lines = []
    for report in reports:
        counts = Counter(row.result for row in report.rows)
        told = ", ".join(f"{counts[result]} {result.value}" for result in Result)
        lines.append(
            f"<li><strong>{escape(report.target)}</strong> ({escape(report.url)}): {told}; "
            f"{report.requests} requests in {report.ended - report.started:.1f} s</li>"
        )
    return f"<ul>{''.join(lines)}</ul>"


def _matrix(reports: Sequence[Report], ids: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{escape(report.target)}</th>' for report in reports)
    found = [{row.id: row for row in report.rows} for report in reports]
    lines = []
    for id_ in ids:
        row = next(rows[id_] for rows in found if id_ in rows)
        cells = "".join(f'<td class="n">{_verdict(rows.get(id_))}</td>' for rows in found)
        link = f'<a href="#{escape(id_)}">{escape(id_)}</a>'
        lines.append(f'<tr><th scope="row">{link}</th><td>{escape(row.title)}</td>{cells}</tr>')
    return (
        '<h2>Verdicts</h2>\n<div class="wide"><table><thead><tr><th scope="col">attack</th><th scope="col"></th>'
        f"{head}</tr></thead>\n<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _verdict(row: Row | None) -> str:
    if row is None:
        return ""
    sign, style = _SIGNS[row.result]
    expected = " (expected)" if row.expected and row.result is Result.SUCCEEDED else ""
    return f'<span class="{style}">{sign} {row.result.value}{expected}</span>'


def _article(id_: str, reports: Sequence[Report]) -> str:
    outcomes = [(report, row) for report in reports for row in report.rows if row.id == id_]
    papers = outcomes[0][1]
    parts = [
        f'<article id="{escape(id_)}">',
        f"<h3>{escape(id_)} {escape(papers.title)}</h3>",
        "<dl>",
        f"<dt>does</dt><dd>{escape(papers.does)}</dd>",
        f"<dt>control</dt><dd>{escape(papers.control)}</dd>",
        f"<dt>to mend</dt><dd>{escape(papers.mend)}</dd>",
        f"<dt>sources</dt><dd>{', '.join(_source(source) for source in papers.sources)}</dd>",
        "</dl>",
        *(_outcome(report, row) for report, row in outcomes),
        "</article>",
    ]
    return "\n".join(parts)


def _outcome(report: Report, row: Row) -> str:
    figures = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in row.figures.items())
    told = f"<p><strong>{escape(report.target)}</strong> {_verdict(row)}: {escape(row.sentence)}</p>"
    if figures:
        told += f'<p class="soft">{escape(figures)}</p>'
    if not row.evidence:
        return told
    opened = " open" if row.result is Result.SUCCEEDED else ""
    return f"{told}<details{opened}><summary>evidence</summary>{_evidence(row.evidence)}</details>"


def _evidence(found: Iterable[Evidence]) -> str:
    return "".join(
        f"<pre>{escape(item.command)}</pre><pre>{item.status or 'no answer'} after {item.seconds:.3f} s\n"
        f"{escape(item.excerpt)}</pre>"
        for item in found
    )


def _source(source: str) -> str:
    link = link_of(source)
    return f'<a href="{escape(link)}" rel="noreferrer">{escape(source)}</a>' if link else escape(source)
