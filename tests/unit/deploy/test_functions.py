"""Who may invoke the functions, and what bounds them, read from the templates and the guide."""

import json
import re
from pathlib import Path

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


def test_the_policy_in_the_guide_names_every_function_and_leaves_the_one_role_that_starts_turns() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (rule,) = json.loads(block)["Statement"]
    found = made("conversations")
    # CloudFormation names what has no name by stack, logical name and a mark.
    named = {f"arn:aws:lambda:*:*:function:CHAT-{name}-*" for name in of_kind(found, "AWS::Lambda::Function")}
    assert set(rule["Resource"]) == named
    assert (rule["Effect"], "lambda:InvokeFunction" in rule["Action"]) == ("Deny", True)
    roles = of_kind(found, "AWS::IAM::Role")
    (starting,) = [name for name, role in roles.items() if '"StartsTurns"' in json.dumps(role)]
    assert rule["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::*:role/CHAT-{starting}-*"}}


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
