"""Who may invoke the functions, and what bounds them, read from the templates and the guide."""

import json
import re
from pathlib import Path

import pytest
from tests.unit.deploy.reading import SIGNED, made, of_kind

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
