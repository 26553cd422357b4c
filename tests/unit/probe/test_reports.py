"""The shapes of the reports, and that nothing a target says can act in them."""

import base64
import json
import re
from hashlib import sha256
from html.parser import HTMLParser
from io import StringIO
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace
from rich.console import Console
from tests.unit.probe.sample import NASTY, report

from doorward.probe.finding import Result
from doorward.probe.links import link_of
from doorward.probe.reports.html import html_report
from doorward.probe.reports.json_report import json_report
from doorward.probe.reports.junit import junit_report
from doorward.probe.reports.sarif import sarif_report
from doorward.probe.reports.table import plain_table, print_table
from doorward.probe.runner import expecting


def _all(_id: str, _where: str) -> bool:
    return True


def test_json_holds_rows_sums_and_what_was_unexpected() -> None:
    found = json.loads(json_report([report("a"), report("b")]))
    assert [target["target"] for target in found["targets"]] == ["a", "b"]
    assert found["sums"]["a"] == {"blocked": 1, "succeeded": 1, "inconclusive": 1, "not applicable": 1}
    assert found["unexpected"] == ["AP-XYZ-02@a", "AP-XYZ-02@b"]


def test_sarif_has_an_error_for_what_got_through_and_a_note_for_what_could_not_be_judged() -> None:
    found = json.loads(sarif_report([report()]))
    assert found["version"] == "2.1.0"
    run = found["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [f"AP-XYZ-{number:02}" for number in range(1, 5)]
    assert all(
        rule["helpUri"].startswith("https://owasp.org/") and "API2" in rule["properties"]["tags"] for rule in rules
    )
    assert [(item["ruleId"], item["level"]) for item in run["results"]] == [
        ("AP-XYZ-02", "error"),
        ("AP-XYZ-03", "note"),
    ]
    assert all(rules[item["ruleIndex"]]["id"] == item["ruleId"] for item in run["results"])


def test_sarif_warns_of_what_was_expected() -> None:
    found = json.loads(sarif_report([expecting(report(), _all)]))
    assert [item["level"] for item in found["runs"][0]["results"]] == ["warning", "note"]


def test_junit_can_be_read_and_fails_for_what_got_through() -> None:
    suites = ET.fromstring(junit_report([report("a<b")]))  # noqa: S314 - our own
    suite = suites[0]
    assert suite.attrib["name"] == "a<b"
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["skipped"]) == ("4", "1", "2")
    kinds = [case[0].tag if len(case) else "passed" for case in suite]
    assert kinds == ["passed", "failure", "skipped", "skipped"]


def test_junit_does_not_fail_for_what_was_expected() -> None:
    suites = ET.fromstring(junit_report([expecting(report(), _all)]))  # noqa: S314 - our own
    assert suites[0].attrib["failures"] == "0"
    assert suites.find(".//failure") is None


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes += attrs


def test_the_page_runs_nothing_and_loads_nothing() -> None:
    page = html_report([report("a"), report(f"b{NASTY}")])
    tags = _Tags()
    tags.feed(page)
    assert not {"script", "img", "link", "iframe", "object", "base", "form"} & set(tags.seen)
    assert not [name for name, _ in tags.attributes if name.startswith("on") or name in ("style", "src")]
    assert all(value.startswith(("#AP-", "https://")) for name, value in tags.attributes if name == "href" and value)


def test_the_page_allows_its_own_style_and_nothing_else() -> None:
    page = html_report([report()])
    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert len(style) == 1
    digest = base64.b64encode(sha256(style[0].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page


def test_the_page_shows_each_verdict_evidence_and_what_to_mend() -> None:
    page = html_report([report(said="hello"), expecting(report("b", said="x"), _all)])
    for part in (
        "succeeded",
        "not applicable",
        "curl -i",
        "mend so",
        "this works",
        "does this",
        "(expected)",
        "agent runs 3",
    ):
        assert part in page
    assert 'href="https://www.rfc-editor.org/rfc/rfc8725#section-3.9"' in page


def test_the_table_is_plain_text_without_a_terminal_and_no_line_is_broken() -> None:
    output = StringIO()
    print_table([report("a" * 60), report("b" * 60)], Console(file=output, width=40))
    assert output.getvalue() == plain_table([report("a" * 60), report("b" * 60)]) + "\n"
    assert "\x1b[1" not in output.getvalue().replace(NASTY, "")


def test_the_table_says_in_words_and_signs_what_colours_say() -> None:
    output = StringIO()
    print_table([report(said="x")], Console(file=output, width=120, force_terminal=True, color_system="truecolor"))
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output.getvalue())
    for cell in ("+ blocked", "! SUCCEEDED", "? inconclusive", "- not applicable", "took"):
        assert cell in plain


def test_an_attack_that_one_target_lacks_leaves_its_cell_empty() -> None:
    less = replace(report("b"), rows=report("b").rows[:1])
    line = next(line for line in plain_table([report("a"), less]).splitlines() if line.startswith("AP-XYZ-02"))
    assert line.endswith("! SUCCEEDED")
    assert Result.SUCCEEDED.value.upper() in line


@pytest.mark.parametrize(
    ("source", "link"),
    [
        ("RFC 8725 3.9", "https://www.rfc-editor.org/rfc/rfc8725#section-3.9"),
        ("RFC 8259", "https://www.rfc-editor.org/rfc/rfc8259"),
        ("API10", "https://owasp.org/API-Security/editions/2023/en/0xaa-unsafe-consumption-of-apis/"),
        ("LLM10", "https://genai.owasp.org/llmrisk/llm102025-unbounded-consumption/"),
        ("AML.T0034.002", "https://atlas.mitre.org/techniques/AML.T0034.002"),
        ("CVE-2025-64484", "https://www.cve.org/CVERecord?id=CVE-2025-64484"),
        ("CWE-444", "https://cwe.mitre.org/data/definitions/444.html"),
        ("API11", ""),
        ("hearsay", ""),
    ],
)
def test_a_source_leads_to_where_it_can_be_read(source: str, link: str) -> None:
    assert link_of(source) == link
