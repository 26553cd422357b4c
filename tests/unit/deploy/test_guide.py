"""The page beside the templates: what it tells people to type fits the files and the templates beside it."""

import re
from pathlib import Path

import pytest
from tests.unit.deploy.reading import PATTERNS, made, of_kind

from doorward.compose.deploying import write
from doorward.compose.settings import load
from doorward.model.settings import Pattern

ROOT = Path(__file__).parents[3]


def guide(folder: Path, pattern: Pattern = "conversations", **options: str) -> str:
    write(load(environ={}, options=options).settings, pattern, folder)
    return (folder / "README.md").read_text(encoding="utf-8")


def test_an_image_is_built_from_a_file_that_is_there_for_a_name_that_the_template_takes(tmp_path: Path) -> None:
    said = guide(tmp_path)
    (file,) = re.findall(r"--file (\S+)", said)
    assert (tmp_path / file).is_file()
    (repository,) = re.findall(r"--repository-name (\S+)", said)
    assert repository.startswith("doorward-")
    assert f"/{repository}:1 --push agent" in said
    assert re.search(rf"deploy\.sh .*AgentImage=\S+/{repository}:1", said)


def test_a_name_of_a_stack_that_cognito_refuses_is_said_before_it_is_typed(tmp_path: Path) -> None:
    said = guide(tmp_path)
    rule = said[said.index("STACK is made of") :]
    assert all(f"`{word}`" in rule[:300] for word in ("aws", "amazon", "cognito"))


def test_the_command_names_every_parameter_that_has_no_default(tmp_path: Path) -> None:
    (own,) = re.findall(
        r"^sh deploy\.sh STACK you@example\.com(.*)$", guide(tmp_path).split("## The agent")[0], re.MULTILINE
    )
    assert own == ""
    said = guide(tmp_path, "two-doors", **{"agent.model": "bedrock_converse:amazon.nova-lite-v1:0"}).split(
        "## The agent"
    )[0]
    (own,) = re.findall(r"^sh deploy\.sh STACK you@example\.com(.*)$", said, re.MULTILINE)
    assert [each.split("=")[0] for each in own.split()] == ["PageOrigin", "ModelArns"]
    needed = re.findall(r"^\| `(\w+)` \| needed", said, re.MULTILINE)
    assert set(needed) == {"PageOrigin", "ModelArns"}


KINDS = {
    "alarms by mail": "AWS::CloudWatch::Alarm",
    "dashboard": "AWS::CloudWatch::Dashboard",
    "DynamoDB table": "AWS::DynamoDB::Table",
    "AgentCore Memory, page": "AWS::CloudFront::Distribution",
}


@pytest.mark.parametrize("part", KINDS)
def test_the_table_of_parts_says_what_is_in_each_template(part: str) -> None:
    said = (ROOT / "docs" / "how-to" / "deploy-to-aws.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| {part} \|(.*)\|$", said, re.MULTILINE)
    cells = [cell.strip() for cell in row.split("|")]
    counts = [len(of_kind(made(pattern), KINDS[part])) for pattern in PATTERNS]
    numbers = [int(cell) if cell.isdigit() else bool(cell) for cell in cells]
    assert numbers == counts
