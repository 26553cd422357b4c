"""The table in the documents is that of these scenarios, and every one of them held."""

import ast
from pathlib import Path

from tests.faults.scenario import ORDER

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "faults.md"


def scenarios() -> dict[str, str]:
    """What each scenario injects: its fault."""
    found = {}
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "scenario":
                told = {one.arg: ast.literal_eval(one.value) for one in node.keywords}
                found[str(told["injected"])] = str(ast.literal_eval(node.args[0]))
    return found


def test_every_fault_has_a_scenario_and_every_scenario_a_row_that_held() -> None:
    found = scenarios()
    assert set(found.values()) == set(ORDER)
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| F-")]
    assert {row[1]: row[0].strip("| ").partition(" ")[0] for row in rows} == found, "run make faults"
    assert {row[-1].strip(" |") for row in rows} == {"held"}
