"""Who may invoke the functions, and what bounds them, read from the templates and the guide."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.unit.deploy.reading import SIGNED, made, may, of_kind

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "deploy-to-aws.md"


@pytest.mark.parametrize("pattern", SIGNED)
def test_each_function_that_people_reach_takes_one_stage_of_one_api(pattern: str) -> None:
    """By its policy, and by what it asks of each event. The console's test call has a stage of its own, and there no
    authorizer."""
    found = made(pattern)
    stage = found["Resources"]["ApiStage"]["Properties"]["StageName"]
    doors = [each for each in of_kind(found, "AWS::Lambda::Permission").values() if "apigateway" in each["Principal"]]
    reached = {door["FunctionName"]["Ref"] for door in doors}
    for door in doors:
        assert door["SourceArn"]["Fn::Sub"].endswith(f":${{AWS::AccountId}}:${{Api}}/{stage}/*")
    for name, function in of_kind(found, "AWS::Lambda::Function").items():
        taken = function["Environment"]["Variables"].get("DOORWARD_FUNCTIONS_API")
        assert taken == ({"Fn::Sub": f"${{AWS::AccountId}}:${{Api}}/{stage}"} if name in reached else None)
    assert len(reached) == (1 if pattern == "two-doors" else 2)


def policy() -> dict[str, dict[str, Any]]:
    """The statements of the service control policy in the guide."""
    (block,) = re.findall(r"```json\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return {each["Sid"]: each for each in json.loads(block)["Statement"]}


@pytest.mark.parametrize("pattern", SIGNED)
def test_the_stack_says_the_whole_arn_of_each_function_and_of_its_role(pattern: str) -> None:
    found = made(pattern)
    functions = of_kind(found, "AWS::Lambda::Function")
    roles = {function["Role"]["Fn::GetAtt"][0] for function in functions.values()}
    for name in (*functions, *roles):
        assert found["Outputs"][f"{name}Arn"] == {"Value": {"Fn::GetAtt": [name, "Arn"]}}


def test_the_policy_in_the_guide_names_every_function_whole_and_leaves_the_one_role_that_starts_turns() -> None:
    """No pattern: whoever may make a role could give it a name that fits one. With each version and alias, which
    `FunctionArn` alone does not name."""
    found = made("conversations")
    functions = [f"{name}Arn" for name in of_kind(found, "AWS::Lambda::Function")]
    named = {*functions, *(f"{name}:*" for name in functions)}
    roles = of_kind(found, "AWS::IAM::Role")
    (starting,) = [name for name, role in roles.items() if '"StartsTurns"' in json.dumps(role)]
    rules = policy()
    invoked, opened = rules["FunctionsAreInvokedByTheHouseAlone"], rules["FunctionsAreOpenedByTheDeployerAlone"]
    assert "lambda:InvokeFunction" in invoked["Action"]
    assert invoked["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": f"{starting}Arn"}}
    # A function's own policy may let in a service or another account, which no policy of this account's binds.
    assert {"lambda:AddPermission", "lambda:UpdateFunctionCode"} <= set(opened["Action"])
    for rule in (invoked, opened):
        assert (rule["Effect"], set(rule["Resource"])) == ("Deny", named)


def test_the_policy_in_the_guide_keeps_the_roles_of_functions_and_its_own_exception_from_being_taken() -> None:
    found = made("conversations")
    own = {f"{each['Role']['Fn::GetAtt'][0]}Arn" for each in of_kind(found, "AWS::Lambda::Function").values()}
    rules = policy()
    given = rules["RolesAreGivenByTheDeployerAlone"]
    assert (given["Effect"], set(given["Resource"])) == ("Deny", {*own, "DeployerRoleArn"})
    taking = {"iam:UpdateAssumeRolePolicy", "iam:PassRole", "iam:DeleteRole", "iam:CreateRole"}
    assert taking <= set(given["Action"])
    for rule in rules.values():
        (excepted,) = rule["Condition"]["ArnNotEquals"].values()
        assert excepted in given["Resource"]


@pytest.mark.parametrize(("pattern", "runs"), [("two-doors", {"Chat"}), ("conversations", {"Turns"})])
def test_whatever_runs_the_agent_can_be_bounded_and_only_what_cannot_is_excused(pattern: str, runs: set[str]) -> None:
    """AP-WALLET. The reason of each excuse is true of the function that has it."""
    found = made(pattern)
    chosen = {"Fn::If": ["BoundsTurns", {"Ref": "TurnsAtOnce"}, {"Ref": "AWS::NoValue"}]}
    assert found["Parameters"]["TurnsAtOnce"]["Default"] == 0
    functions = {name: item for name, item in found["Resources"].items() if item["Type"] == "AWS::Lambda::Function"}
    for name, item in functions.items():
        role = found["Resources"][item["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
        bounded = item["Properties"].get("ReservedConcurrentExecutions") == chosen
        excused = {each["id"]: each["comment"] for each in item["Metadata"]["checkov"]["skip"]}
        assert bounded is may(role, "bedrock-agentcore:InvokeAgentRuntime") is (name.removesuffix("Function") in runs)
        assert ("CKV_AWS_115" in excused) is not bounded
        assert bounded or "runs no agent" in excused["CKV_AWS_115"]
