"""The verdicts as a table for people: rows are attacks, columns are targets. In a terminal with colours, else as plain
text that no width breaks. A colour never stands alone: the word and the sign say the same."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from doorward.probe.finding import Result
from doorward.probe.runner import Report, Row

_SIGNS = {
    Result.BLOCKED: ("+", "green"),
    Result.SUCCEEDED: ("!", "bold red"),
    Result.INCONCLUSIVE: ("?", "yellow"),
    Result.NOT_APPLICABLE: ("-", "dim"),
}


def print_table(reports: Sequence[Report], console: Console) -> None:
    """Write the table, the sums, and a sentence for each attack that got through or could not be judged."""
    if console.is_terminal:
        console.print(_for_terminal(reports))
    else:
        console.print(plain_table(reports), markup=False, highlight=False, soft_wrap=True)


def plain_table(reports: Sequence[Report]) -> str:
    """The same as text."""
    cells = [["", "", *(report.target for report in reports)], *_cells(reports), *_sums(reports)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join([*lines, "", *_sentences(reports)])


def _for_terminal(reports: Sequence[Report]) -> RenderableType:
    table = Table(title="What an outsider with a user's token can do", title_justify="left", show_edge=False)
    table.add_column("attack", no_wrap=True)
    table.add_column("")
    for report in reports:
        table.add_column(Text(report.target), no_wrap=True)
    for line in _cells(reports):
        table.add_row(line[0], Text(line[1]), *(Text(cell, style=_style(cell)) for cell in line[2:]))
    table.add_section()
    for line in _sums(reports):
        table.add_row(*(Text(cell) for cell in line))
    return Group(table, Text("\n".join(["", *_sentences(reports)])))


def _cells(reports: Sequence[Report]) -> list[list[str]]:
    found = [{row.id: row for row in report.rows} for report in reports]
    titles = {row.id: row.title for report in reports for row in report.rows}
    return [[id_, titles[id_], *(_cell(rows.get(id_)) for rows in found)] for id_ in sorted(titles)]


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    sign, _ = _SIGNS[row.result]
    word = row.result.value.upper() if row.result is Result.SUCCEEDED else row.result.value
    return f"{sign} {word}{' (expected)' if row.expected and row.result is Result.SUCCEEDED else ''}"


def _style(cell: str) -> str:
    return next((style for sign, style in _SIGNS.values() if cell.startswith(sign)), "")


def _sums(reports: Sequence[Report]) -> list[list[str]]:
    counts = [Counter(row.result for row in report.rows) for report in reports]
    sums = [["", result.value, *(str(count[result]) for count in counts)] for result in Result]
    times = [f"{report.ended - report.started:.1f} s, {report.requests} requests" for report in reports]
    return [*sums, ["", "took", *times]]


def _sentences(reports: Sequence[Report]) -> list[str]:
    wanted = (Result.SUCCEEDED, Result.INCONCLUSIVE)
    lines = []
    for report in reports:
        for row in report.rows:
            if row.result in wanted:
                lines.append(f"{row.id} on {report.target} {row.result.value}: {row.sentence}")
                if row.result is Result.SUCCEEDED:
                    lines.append(f"    to mend: {row.mend}")
    return lines
