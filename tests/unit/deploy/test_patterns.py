"""What each template promises, read from the templates themselves."""

import json
import re
from pathlib import Path
from typing import Any

import cfnlint
import pytest
from tests.unit.deploy.reading import NAMES, PATTERNS, SIGNED, made, may, of_kind, statements

from doorward.compose.settings import load
from doorward.deploy.aws.template import Fragment, joined
from doorward.runtime.limits import limits_of


@pytest.mark.parametrize("pattern", PATTERNS)
def test_nobody_signs_up_for_themselves_and_no_password_goes_through_our_code(pattern: str) -> None:
    found = made(pattern)
    (pool,) = of_kind(found, "AWS::Cognito::UserPool").values()
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["MfaConfiguration"] == "OPTIONAL"
    (client,) = of_kind(found, "AWS::Cognito::UserPoolClient").values()
    assert client["GenerateSecret"] is False
    assert client["AllowedOAuthFlows"] == ["code"]
    assert "ALLOW_USER_PASSWORD_AUTH" not in client["ExplicitAuthFlows"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_agent_takes_a_users_token_only_where_the_pattern_is_so(pattern: str) -> None:
    (agent,) = of_kind(made(pattern), "AWS::BedrockAgentCore::Runtime").values()
    assert ("AuthorizerConfiguration" in agent) is (pattern not in SIGNED)


STOP = "bedrock-agentcore:StopRuntimeSession"


@pytest.mark.parametrize(("pattern", "caller"), [("two-doors", "ChatRole"), ("conversations", "TurnsRole")])
def test_one_role_may_run_the_agent_and_everybody_else_is_denied(pattern: str, caller: str) -> None:
    """AP-BYP-01, AP-BYP-03: also for whoever has InvokeAgentRuntime by another policy of the account."""
    found = made(pattern)
    roles = of_kind(found, "AWS::IAM::Role")
    assert [name for name, role in roles.items() if may(role, "bedrock-agentcore:InvokeAgentRuntime")] == [caller]
    policies = of_kind(found, "AWS::BedrockAgentCore::ResourcePolicy")
    assert len(policies) == 2  # the runtime, and its endpoint
    for policy in policies.values():
        document = json.loads(policy["Policy"]["Fn::Sub"])
        rules = {each["Sid"]: each for each in document["Statement"]}
        assert rules["NobodyElse"]["Principal"] == {"AWS": "*"}
        assert rules["NobodyElse"]["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": [f"${{{caller}.Arn}}"]}}
        assert "bedrock-agentcore:InvokeAgentRuntimeForUser" in rules["NobodyElse"]["Action"]
        assert "bedrock-agentcore:InvokeAgentRuntimeForUser" in rules["OnlyOurService"]["Action"]
        assert rules["OnlyOurService"]["Principal"] == {"AWS": [f"${{{caller}.Arn}}"]}
        ending = [f"${{{name}.Arn}}" for name in roles if may(roles[name], STOP)]
        assert ending == [f"${{{name}.Arn}}" for name in (caller, "SweepRole") if name in roles]
        assert rules["OnlyOurServicesStop"]["Principal"] == {"AWS": ending}
        assert rules["NobodyElseStops"]["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": ending}}
        for end in ("OnlyOurServicesStop", "NobodyElseStops"):
            assert rules[end]["Action"] == [STOP]


def test_nobody_opens_a_shell_and_nobody_but_one_role_uses_the_runtime_in_any_way_that_aws_knows() -> None:
    """AP-BYP-01. AWS adds actions; the list in cfn-lint's own data is newer than any of ours can be."""
    known = json.loads((Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json").read_text("utf-8"))
    actions = known["bedrock-agentcore"]["Actions"]
    used = {f"bedrock-agentcore:{name}" for name in actions if name.startswith("invokeagentruntime")}
    shells = {name for name in used if "command" in name}
    assert len(used) >= 6
    assert len(shells) >= 2
    used |= {"bedrock-agentcore:getagentcard"}
    for pattern in SIGNED:
        found = made(pattern)
        for policy in of_kind(found, "AWS::BedrockAgentCore::ResourcePolicy").values():
            rules = {each["Sid"]: each for each in json.loads(policy["Policy"]["Fn::Sub"])["Statement"]}
            assert {action.lower() for action in rules["NobodyElse"]["Action"]} == used
            assert {action.lower() for action in rules["NoShell"]["Action"]} == shells
            assert rules["NobodyElseStops"]["Effect"] == "Deny"
        agent = of_kind(found, "AWS::IAM::Role")["AgentRole"]
        (none,) = [rule for rule in statements(agent) if rule["Sid"] == "CallsNoAgent"]
        assert {*used, STOP.lower()} <= {action.lower() for action in none["Action"]}


def test_the_functions_that_people_reach_can_neither_run_nor_stop_an_agent() -> None:
    roles = of_kind(made("conversations"), "AWS::IAM::Role")
    for name in ("ChatRole", "ConversationsRole"):
        for action in ("InvokeAgentRuntime", "InvokeAgentRuntimeForUser", "StopRuntimeSession"):
            assert not may(roles[name], f"bedrock-agentcore:{action}"), name


def test_that_role_is_for_one_runtime() -> None:
    for pattern, caller in (("two-doors", "ChatRole"), ("conversations", "TurnsRole")):
        role = of_kind(made(pattern), "AWS::IAM::Role")[caller]
        (rule,) = [each for each in statements(role) if "bedrock-agentcore:InvokeAgentRuntime" in each["Action"]]
        assert all("Agent" in json.dumps(target) for target in rule["Resource"])


@pytest.mark.parametrize(
    "action",
    [
        "bedrock-agentcore:InvokeAgentRuntime",
        "bedrock-agentcore:StopRuntimeSession",
        "bedrock:InvokeModel",
        "lambda:InvokeFunction",
    ],
)
def test_history_can_reach_no_agent_and_no_model_and_no_function_that_can(action: str) -> None:
    role = of_kind(made("conversations"), "AWS::IAM::Role")["ConversationsRole"]
    assert not may(role, action)
    assert any(
        action.split(":", maxsplit=1)[0] in one
        for each in statements(role)
        if each["Effect"] == "Deny"
        for one in each["Action"]
    )


def test_the_agent_can_call_no_agent_and_takes_nobodys_name_for_granted() -> None:
    role = of_kind(made("conversations"), "AWS::IAM::Role")["AgentRole"]
    assert not may(role, "bedrock-agentcore:InvokeAgentRuntime")
    assert not may(role, "bedrock-agentcore:GetWorkloadAccessTokenForUserId")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_right_is_for_everything_but_where_aws_knows_no_resource(pattern: str) -> None:
    for name, role in of_kind(made(pattern), "AWS::IAM::Role").items():
        for statement in statements(role):
            if statement["Effect"] == "Allow" and "*" in statement["Resource"]:
                unbound = [each for each in statement["Action"] if not each.startswith("xray:")]
                assert unbound in ([], ["ecr:GetAuthorizationToken"]), name


@pytest.mark.parametrize("pattern", ["front-door", "two-doors", "conversations"])
def test_every_method_wants_an_access_token_but_the_preflights(pattern: str) -> None:
    methods = of_kind(made(pattern), "AWS::ApiGateway::Method")
    for name, method in methods.items():
        if method["HttpMethod"] == "OPTIONS":
            assert method["Integration"]["Type"] == "MOCK", name
        else:
            assert method["AuthorizationType"] == "COGNITO_USER_POOLS", name
            assert method["AuthorizationScopes"] == ["doorward/chat"], name
            assert method["Integration"]["ResponseTransferMode"] == "STREAM", name


def test_no_content_type_gets_a_body_past_the_validator() -> None:
    """API Gateway does not validate a content type for which there is no model, unless there is one for `$default`."""
    found = made("front-door")
    (method,) = [each for each in of_kind(found, "AWS::ApiGateway::Method").values() if each["HttpMethod"] == "POST"]
    assert method["RequestModels"] == {kind: {"Ref": "PromptModel"} for kind in ("application/json", "$default")}
    validator = found["Resources"][method["RequestValidatorId"]["Ref"]]["Properties"]
    assert validator["ValidateRequestBody"] is True
    schema = found["Resources"]["PromptModel"]["Properties"]["Schema"]
    assert (schema["required"], schema["additionalProperties"]) == (["prompt"], False)


@pytest.mark.parametrize("pattern", ["front-door", "two-doors", "conversations"])
def test_a_page_may_send_each_header_that_a_method_asks_for(pattern: str) -> None:
    methods = of_kind(made(pattern), "AWS::ApiGateway::Method").values()
    asked = {
        name.removeprefix("method.request.header.").lower()
        for method in methods
        for name, needed in method.get("RequestParameters", {}).items()
        if needed
    }
    said = "method.response.header.Access-Control-Allow-Headers"
    for method in methods:
        if method["HttpMethod"] == "OPTIONS":
            (answer,) = method["Integration"]["IntegrationResponses"]
            allowed = set(answer["ResponseParameters"][said].strip("'").split(","))
            assert asked | {"authorization", "content-type"} <= allowed
    assert bool(asked) is (pattern == "front-door")


@pytest.mark.parametrize("pattern", ["front-door", "two-doors", "conversations"])
def test_the_edge_counts_filters_and_lets_no_body_pass_that_it_cannot_read(pattern: str) -> None:
    (acl,) = of_kind(made(pattern), "AWS::WAFv2::WebACL").values()
    rules = {rule["Name"]: rule for rule in acl["Rules"]}
    size = rules["BodyTooLarge"]["Statement"]["SizeConstraintStatement"]
    assert size["FieldToMatch"] == {"Body": {"OversizeHandling": "MATCH"}}
    assert size["Size"] <= 65536
    assert {"AWSManagedRulesCommonRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"} <= rules.keys()
    rate = rules["TooManyFromOneAddress"]["Statement"]["RateBasedStatement"]
    assert (rate["Limit"], rate["EvaluationWindowSec"]) == (3000, 60)
    for rule in rules.values():
        assert rule.get("OverrideAction", {"None": {}}) == {"None": {}}  # no group is only counted as a whole


def test_the_rate_at_the_edge_is_that_of_the_settings_in_a_window_that_waf_knows() -> None:
    options = {"front_door.address_requests": 100, "front_door.address_window": 90.0}
    (acl,) = of_kind(made("two-doors", **options), "AWS::WAFv2::WebACL").values()
    (rule,) = [rule for rule in acl["Rules"] if rule["Name"] == "TooManyFromOneAddress"]
    rate = rule["Statement"]["RateBasedStatement"]
    assert (rate["Limit"], rate["EvaluationWindowSec"]) == (133, 120)


@pytest.mark.parametrize("pattern", ["front-door", "two-doors", "conversations"])
def test_what_api_gateway_says_itself_a_page_may_read(pattern: str) -> None:
    answers = of_kind(made(pattern), "AWS::ApiGateway::GatewayResponse").values()
    assert {"UNAUTHORIZED", "THROTTLED", "WAF_FILTERED", "DEFAULT_4XX", "DEFAULT_5XX"} <= {
        answer["ResponseType"] for answer in answers
    }
    for answer in answers:
        assert "gatewayresponse.header.Access-Control-Allow-Origin" in answer["ResponseParameters"]
        problem = json.loads(answer["ResponseTemplates"]["application/json"])
        assert problem["code"]
        assert problem["error"]


@pytest.mark.parametrize("pattern", ["front-door", "two-doors", "conversations"])
def test_a_stage_is_throttled_and_logs_no_token_and_no_body(pattern: str) -> None:
    (stage,) = of_kind(made(pattern), "AWS::ApiGateway::Stage").values()
    (settings,) = stage["MethodSettings"]
    parameters = made(pattern)["Parameters"]
    rate, burst = (parameters[settings[f"Throttling{name}Limit"]["Ref"]] for name in ("Rate", "Burst"))
    assert (rate["Default"], burst["Default"]) == (50, 100)
    assert all(each["MinValue"] == 1 for each in (rate, burst)), "0 would be no limit or no service"
    assert settings["DataTraceEnabled"] is False
    said = stage["AccessLogSetting"]["Format"].lower()
    assert not [word for word in ("authorization", "querystring", "body", "token") if word in said]
    (logging,) = of_kind(made(pattern), "AWS::WAFv2::LoggingConfiguration").values()
    assert {"SingleHeader": {"Name": "authorization"}} in logging["RedactedFields"]


def test_a_turn_is_never_run_again_by_lambda_itself() -> None:
    found = made("conversations")["Resources"]
    for name in ("Turns", "Sweep"):
        once = found[f"{name}Once"]["Properties"]
        assert (once["FunctionName"], once["MaximumRetryAttempts"]) == ({"Ref": f"{name}Function"}, 0)


def test_what_closes_lost_turns_is_not_held_up_by_what_is_reserved_for_turns() -> None:
    """AP-WALLET. Else nobody would close them, nor give their places and budgets back, as long as turns are many."""
    found = made("conversations")
    (rule,) = of_kind(found, "AWS::Events::Rule").values()
    (target,) = rule["Targets"]
    function = found["Resources"][target["Arn"]["Fn::GetAtt"][0]]["Properties"]
    assert json.loads(target["Input"]) == {"sweep": True}
    assert "ReservedConcurrentExecutions" not in function
    turns = found["Resources"]["TurnsFunction"]["Properties"]
    assert "ReservedConcurrentExecutions" in turns
    assert function["Handler"] == turns["Handler"]
    assert function["Environment"] == turns["Environment"]
    (opened,) = [each for each in of_kind(found, "AWS::Lambda::Permission").values() if "events" in each["Principal"]]
    assert opened["FunctionName"] == {"Ref": target["Arn"]["Fn::GetAtt"][0]}


def test_data_is_kept_recoverable_and_leaves_when_its_time_is_over() -> None:
    (table,) = of_kind(made("conversations"), "AWS::DynamoDB::Table").values()
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"]["Enabled"] is True
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_somebody_is_told_when_the_months_bill_grows(pattern: str) -> None:
    (bill,) = of_kind(made(pattern), "AWS::Budgets::Budget").values()
    kinds = {note["Notification"]["NotificationType"] for note in bill["NotificationsWithSubscribers"]}
    assert kinds == {"ACTUAL", "FORECASTED"}


@pytest.mark.parametrize("pattern", ["front-door", "two-doors", "conversations"])
def test_an_alarm_can_reach_its_topic_whose_key_admits_it(pattern: str) -> None:
    """The key that AWS keeps for SNS admits no CloudWatch, and its policy is not ours to change."""
    found = made(pattern)
    (topic,) = of_kind(found, "AWS::SNS::Topic").values()
    chosen = {"Fn::If": ["HasOwnKey", {"Ref": "OwnKeyArn"}, {"Fn::GetAtt": ["AlarmsKey", "Arn"]}]}
    assert topic["KmsMasterKeyId"] == chosen
    key = found["Resources"]["AlarmsKey"]
    assert found["Conditions"][key["Condition"]] == {"Fn::Not": [{"Condition": "HasOwnKey"}]}
    rules = {each["Sid"]: each for each in key["Properties"]["KeyPolicy"]["Statement"]}
    assert rules["Alarms"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert set(rules["Alarms"]["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    said = found["Parameters"]["OwnKeyArn"]["Description"]
    assert not [name for name in ("CloudWatch", "Logs", "SNS", "DynamoDB", "AgentCore Memory") if name not in said]


@pytest.mark.parametrize("pattern", SIGNED)
def test_a_function_can_read_its_own_variables_under_a_key_of_the_owners(pattern: str) -> None:
    found = made(pattern)
    roles = of_kind(found, "AWS::IAM::Role")
    for function in of_kind(found, "AWS::Lambda::Function").values():
        assert function["KmsKeyArn"]["Fn::If"][1] == {"Ref": "OwnKeyArn"}
        assert may(roles[function["Role"]["Fn::GetAtt"][0]], "kms:Decrypt")


def test_the_tables_alarms_watch_metrics_in_the_form_that_dynamodb_has_them() -> None:
    """Throttled reads and writes are counted by table; its own errors only by table and operation."""
    alarms = of_kind(made("conversations"), "AWS::CloudWatch::Alarm")
    watched = {}
    for name in ("TableThrottledAlarm", "TableFailsAlarm"):
        *parts, total = alarms[name]["Metrics"]
        assert total["ReturnData"] is True
        assert [f"FILL({part['Id']}, 0)" for part in parts] == total["Expression"].split(" + ")
        assert len(parts) <= 10
        watched[name] = [
            (
                part["MetricStat"]["Metric"]["MetricName"],
                *(d["Name"] for d in part["MetricStat"]["Metric"]["Dimensions"]),
            )
            for part in parts
        ]
    assert set(watched["TableThrottledAlarm"]) == {
        ("ReadThrottleEvents", "TableName"),
        ("WriteThrottleEvents", "TableName"),
    }
    assert set(watched["TableFailsAlarm"]) == {("SystemErrors", "TableName", "Operation")}


@pytest.mark.parametrize("pattern", ["front-door", "two-doors", "conversations"])
def test_the_dashboard_shows_the_edge_by_the_name_that_its_metrics_have_and_no_other_houses(pattern: str) -> None:
    found = made(pattern)
    (acl,) = of_kind(found, "AWS::WAFv2::WebACL").values()
    assert acl["VisibilityConfig"]["MetricName"] == {"Ref": "AWS::StackName"}
    (board,) = of_kind(found, "AWS::CloudWatch::Dashboard").values()
    shown = [
        line
        for widget in json.loads(board["DashboardBody"]["Fn::Sub"])["widgets"]
        for line in widget["properties"]["metrics"]
    ]
    edge = [line for line in shown if line[0] == "AWS/WAFV2"]
    assert edge
    assert all(line[line.index("WebACL") + 1] == "${AWS::StackName}" for line in edge)


def test_the_pages_address_is_the_one_that_may_sign_in_and_call() -> None:
    found = made("conversations")
    origin = found["Outputs"]["PageUrl"]["Value"]
    (client,) = of_kind(found, "AWS::Cognito::UserPoolClient").values()
    assert client["CallbackURLs"] == [{"Fn::Sub": ["${Origin}/", {"Origin": origin}]}]
    for function in of_kind(found, "AWS::Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        assert variables.get("DOORWARD_FRONT_DOOR_ALLOWED_ORIGINS", origin) == origin
    assert found["Outputs"]["PageTarget"]["Value"] == {"Fn::GetAtt": ["Page", "DomainName"]}


@pytest.mark.parametrize("domain", ["", "chat.example.com"])
@pytest.mark.parametrize("certificate", ["", "arn:aws:acm:us-east-1:123456789012:certificate/x"])
def test_a_domain_is_taken_with_its_certificate_or_not_at_all(domain: str, certificate: str) -> None:
    given = {"PageDomain": domain, "PageCertificateArn": certificate}
    (rule,) = made("conversations")["Rules"].values()
    (assertion,) = rule["Assertions"]
    assert holds(assertion["Assert"], given) is (bool(domain) == bool(certificate))


def holds(condition: dict[str, Any], given: dict[str, str]) -> bool:
    """What CloudFormation makes of a condition over parameters."""
    ((name, inner),) = condition.items()
    if name == "Fn::Equals":
        left, right = (given[each["Ref"]] if isinstance(each, dict) else each for each in inner)
        return left == right
    found = [holds(each, given) for each in inner]
    return {"Fn::And": all(found), "Fn::Or": any(found), "Fn::Not": not found[0]}[name]


def test_api_gateway_takes_the_log_role_which_has_what_the_managed_policy_has() -> None:
    """AmazonAPIGatewayPushToCloudWatchLogs, in AWS's reference of managed policies."""
    (rule,) = statements(of_kind(made("two-doors"), "AWS::IAM::Role")["ApiLogRoleOfAccount"])
    groups, streams, events = "CreateLogGroup DescribeLogGroups", "CreateLogStream DescribeLogStreams", "PutLogEvents"
    reading = "GetLogEvents FilterLogEvents"
    assert set(rule["Action"]) == {f"logs:{name}" for name in f"{groups} {streams} {events} {reading}".split()}


def test_the_agents_role_may_do_what_agentcore_does_with_it() -> None:
    """The execution role of AWS's developer guide (runtime-permissions): pull the image, write logs."""
    role = of_kind(made("conversations"), "AWS::IAM::Role")["AgentRole"]
    pulls = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:GetAuthorizationToken")
    logs = ("CreateLogGroup", "DescribeLogGroups", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")
    assert not [action for action in (*pulls, *(f"logs:{name}" for name in logs)) if not may(role, action)]


@pytest.mark.parametrize(
    ("image", "taken"),
    [
        ("", True),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/doorward-agent:1", True),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/doorward-agent@sha256:0a1b", True),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/agent:1", False),
        ("docker.io/library/doorward-agent:1", False),
    ],
)
def test_an_image_that_the_agents_role_may_not_pull_is_refused_before_the_stack_is_made(
    image: str, taken: bool
) -> None:
    parameter = made("conversations")["Parameters"]["AgentImage"]
    assert bool(re.fullmatch(parameter["AllowedPattern"], image)) is taken
    assert "doorward-" in parameter["ConstraintDescription"]
    assert "doorward-" in parameter["Description"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_limits_of_the_agent_reach_the_process_that_holds_them(pattern: str) -> None:
    given = {
        "agent.turn_steps": 7,
        "agent.model_attempts": 2,
        "agent.model_deadline": 11.0,
        "agent.model_stall_timeout": 12.0,
        "agent.model_max_characters": 1300,
        "agent.tool_timeout": 14.0,
        "agent.tool_max_characters": 1500,
    }
    (runtime,) = of_kind(made(pattern, **given), "AWS::BedrockAgentCore::Runtime").values()
    texts = {name: value for name, value in runtime["EnvironmentVariables"].items() if isinstance(value, str)}
    taken = load(environ=texts).settings
    assert limits_of(taken.agent) == limits_of(load(environ={}, options=given).settings.agent)
    assert limits_of(taken.agent) != limits_of(load(environ={}).settings.agent)
    assert not [name for name in texts if not name.startswith("DOORWARD_AGENT_")]


@pytest.mark.parametrize("name", ["hello", "a-" * 23 + "bc"])
def test_two_houses_in_one_account_share_no_name(name: str) -> None:
    found = made("conversations", **{"agent.name": name, "chat.memory": "here"})
    names = [
        *(each["AgentRuntimeName"] for each in of_kind(found, "AWS::BedrockAgentCore::Runtime").values()),
        *(each["Name"] for each in of_kind(found, "AWS::BedrockAgentCore::Memory").values()),
    ]
    assert len(names) == 3
    mark = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
    for text, values in (each["Fn::Sub"] for each in names):
        assert values == {"Stack": {"Fn::Select": [0, {"Fn::Split": ["-", mark]}]}}
        filled = text.replace("${Stack}", "51af3dc0")
        assert filled != text
        assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]{0,47}", filled)


PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
MODEL = "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.mark.parametrize(
    ("model", "needed"),
    [
        ("bedrock_converse:us.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("bedrock:amazon.nova-lite-v1:0", True),
        ("amazon.nova-lite-v1:0", True),
        ("openai:gpt-5", False),
        ("anthropic:claude-sonnet-4-5", False),
        ("rehearsal", False),
    ],
)
def test_a_model_of_bedrock_is_not_deployed_without_the_right_to_call_it(model: str, needed: bool) -> None:
    found = made("conversations", **{"agent.model": model})
    parameter = found["Parameters"]["ModelArns"]
    assert parameter["Type"] == "CommaDelimitedList"
    assert ("Default" not in parameter) is needed
    assert bool(re.fullmatch(parameter["AllowedPattern"], "")) is not needed
    assert all(re.fullmatch(parameter["AllowedPattern"], arn) for arn in (PROFILE, MODEL))
    assert not re.fullmatch(parameter["AllowedPattern"], "*")
    role = of_kind(found, "AWS::IAM::Role")["AgentRole"]
    (rule,) = [each for each in statements(role) if "bedrock:InvokeModel" in each["Action"]]
    assert rule["Resource"] == {"Ref": "ModelArns"}


def test_the_agent_uses_a_key_of_the_owners_for_its_memory_alone() -> None:
    role = of_kind(made("conversations"), "AWS::IAM::Role")["AgentRole"]
    (rule,) = [each for each in statements(role) if "kms:Decrypt" in each["Action"]]
    assert rule["Resource"] == [{"Ref": "OwnKeyArn"}]
    assert rule["Condition"] == {
        "StringEquals": {"kms:ViaService": {"Fn::Sub": "bedrock-agentcore.${AWS::Region}.amazonaws.com"}}
    }


def test_settings_that_are_not_the_default_go_to_the_functions_and_secrets_never(tmp_path: Any) -> None:
    options = {"budget.user_tokens_per_day": 5000, "front_door.user_requests": 7, "sign_in.client_secret": "s3cret"}
    found = made("conversations", **options)
    for function in of_kind(found, "AWS::Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        assert variables["DOORWARD_BUDGET_USER_TOKENS_PER_DAY"] == "5000"
        assert variables["DOORWARD_FRONT_DOOR_USER_REQUESTS"] == "7"
        texts = {name: value if isinstance(value, str) else "https://x.example" for name, value in variables.items()}
        taken = load(environ={**texts, "DOORWARD_AGENT_ACCOUNT": "123456789012"}).settings
        assert taken.budget.user_tokens_per_day == 5000
    assert "s3cret" not in json.dumps(found)


def deployment(found: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    (named,) = [pair for pair in found["Resources"].items() if pair[1]["Type"] == "AWS::ApiGateway::Deployment"]
    return named


@pytest.mark.parametrize("pattern", ["front-door", "two-doors", "conversations"])
def test_an_api_that_changes_is_deployed_anew_when_all_of_it_is_there(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = made(pattern)
    name, deployed = deployment(found)
    served = {"Method", "GatewayResponse", "Authorizer", "Model", "RequestValidator", "Resource"}
    parts = {each for each, item in found["Resources"].items() if item["Type"].rpartition("::")[2] in served}
    assert set(deployed["DependsOn"]) == parts
    assert deployment(made(pattern))[0] == name
    monkeypatch.setattr("doorward.deploy.aws.api._SHOWN", "x-other")  # headers of preflights and gateway responses
    assert deployment(made(pattern))[0] != name
    assert found["Outputs"]["ApiId"] == {"Value": {"Ref": "Api"}}


def test_another_length_of_messages_deploys_the_api_anew_where_the_api_holds_it() -> None:
    longer = made("front-door", **{"front_door.max_message_characters": 77})
    assert deployment(longer)[0] != deployment(made("front-door"))[0]


def test_two_things_of_one_name_are_refused() -> None:
    one, other = Fragment(resources={"A": {"Type": "X"}}), Fragment(resources={"A": {"Type": "Y"}})
    with pytest.raises(ValueError, match="two resources are called A"):
        joined("", [one, other])


@pytest.mark.parametrize(("pattern", "functions"), [("two-doors", {"Chat"}), ("conversations", set(NAMES))])
def test_what_bounds_a_user_is_in_a_table_that_all_functions_share(pattern: str, functions: set[str]) -> None:
    found = made(pattern)
    assert set(of_kind(found, "AWS::DynamoDB::Table")) == {"Table"}
    variables = {
        name: function["Environment"]["Variables"] for name, function in of_kind(found, "AWS::Lambda::Function").items()
    }
    assert set(variables) == {f"{name}Function" for name in functions}
    for name in functions:
        assert variables[f"{name}Function"]["DOORWARD_FUNCTIONS_TABLE"] == {"Ref": "Table"}
        assert may(found["Resources"][f"{name}Role"]["Properties"], "dynamodb:UpdateItem")
    assert "TableThrottledAlarm" in found["Resources"]


def test_the_relay_waits_as_long_as_the_api_does() -> None:
    found = made("two-doors")["Resources"]
    seconds = int(found["ChatFunction"]["Properties"]["Environment"]["Variables"]["DOORWARD_FUNCTIONS_ANSWER_WITHIN"])
    assert seconds < found["ChatFunction"]["Properties"]["Timeout"] <= 60


def allowed(role: dict[str, Any], action: str, resource: object) -> bool:
    """Whether a role may do that to this resource, by its own policies; a deny wins."""

    def met(statement: dict[str, Any]) -> bool:
        named = any(action == one or (one.endswith("*") and action.startswith(one[:-1])) for one in statement["Action"])
        if "NotResource" in statement:
            return named and resource not in statement["NotResource"]
        return named and (resource in statement["Resource"] or "*" in statement["Resource"])

    found = [each["Effect"] for each in statements(role) if met(each)]
    return "Allow" in found and "Deny" not in found


def test_texts_are_in_a_memory_of_their_own_that_leads_no_function_to_an_agent() -> None:
    """AP-BYP-02: history can read texts, and still reach no agent, whatever else its role is allowed later."""
    memory, agent = {"Fn::GetAtt": ["MessageMemory", "MemoryArn"]}, {"Fn::GetAtt": ["Agent", "AgentRuntimeArn"]}
    found = made("conversations", **{"chat.memory": "texts-0123456789"})["Resources"]
    assert found["MessageMemory"]["DeletionPolicy"] == "Retain"
    may_do = {
        name: {
            action
            for action in ("CreateEvent", "GetEvent", "ListEvents", "DeleteEvent", "ListActors")
            if allowed(found[f"{name}Role"]["Properties"], f"bedrock-agentcore:{action}", memory)
        }
        for name in NAMES
    }
    written = {"CreateEvent", "GetEvent", "ListEvents", "DeleteEvent"}
    seen = {"GetEvent", "ListEvents"}
    assert may_do == {"Chat": written, "Turns": written, "Sweep": written, "Conversations": seen}
    other = {"Fn::GetAtt": ["AgentMemory", "MemoryArn"]}
    for name in NAMES:
        assert not allowed(found[f"{name}Role"]["Properties"], "bedrock-agentcore:GetEvent", other)
        function = found[f"{name}Function"]["Properties"]
        assert function["Environment"]["Variables"]["DOORWARD_CHAT_MEMORY"] == {
            "Fn::GetAtt": ["MessageMemory", "MemoryId"]
        }
        role = found[f"{name}Role"]["Properties"]
        assert allowed(role, "bedrock-agentcore:InvokeAgentRuntime", agent) is (name == "Turns")
        if name != "Turns":
            wide = {"Effect": "Allow", "Action": ["bedrock-agentcore:*", "bedrock:*"], "Resource": ["*"]}
            role["Policies"].append({"PolicyDocument": {"Statement": [wide]}})
            for action in ("bedrock-agentcore:InvokeAgentRuntime", "bedrock:InvokeModel"):
                assert not allowed(role, action, agent)
    assert not allowed(found["AgentRole"]["Properties"], "bedrock-agentcore:GetEvent", memory)


@pytest.mark.parametrize(
    "options", [{}, {"chat.memory": "texts-0123456789"}], ids=["texts in the table", "in a memory"]
)
def test_the_sweep_erases_in_the_agents_memory_and_nobody_but_it_and_the_agent_reaches_that(
    options: dict[str, Any],
) -> None:
    memory = {"Fn::GetAtt": ["AgentMemory", "MemoryArn"]}
    found = made("conversations", **options)["Resources"]
    roles = {name: item["Properties"] for name, item in found.items() if item["Type"] == "AWS::IAM::Role"}
    granted = {
        name: {
            action
            for rule in statements(role)
            if rule["Effect"] == "Allow" and any(target in (memory, "*") for target in [*rule["Resource"]])
            for action in rule["Action"]
            if action.startswith("bedrock-agentcore:")
        }
        for name, role in roles.items()
    }
    erasing = {f"bedrock-agentcore:{action}" for action in ("ListSessions", "ListEvents", "DeleteEvent")}
    assert granted["SweepRole"] == erasing
    assert {name for name, actions in granted.items() if actions} == {"SweepRole", "AgentRole"}
    for name in ("ChatRole", "ConversationsRole"):
        wide = {"Effect": "Allow", "Action": ["bedrock-agentcore:*"], "Resource": ["*"]}
        roles[name]["Policies"].append({"PolicyDocument": {"Statement": [wide]}})
        assert not [action for action in erasing if allowed(roles[name], action, memory)], name
    where = {name: found[f"{name}Function"]["Properties"]["Environment"]["Variables"] for name in NAMES}
    told = {"Fn::GetAtt": ["AgentMemory", "MemoryId"]}
    assert {name: each.get("DOORWARD_AGENT_MEMORY") for name, each in where.items()} == {
        "Chat": None,
        "Turns": told,  # the same code; a sweep there would be refused, and not say that it erased
        "Sweep": told,
        "Conversations": None,
    }


def test_the_key_of_the_agents_memory_is_the_functions_by_way_of_agentcore_alone() -> None:
    role = of_kind(made("conversations"), "AWS::IAM::Role")["SweepRole"]
    (rule,) = [each for each in statements(role) if each["Sid"] == "OwnKeyOfMemory"]
    assert rule["Resource"] == [{"Ref": "OwnKeyArn"}]
    assert rule["Condition"] == {
        "StringEquals": {"kms:ViaService": {"Fn::Sub": "bedrock-agentcore.${AWS::Region}.amazonaws.com"}}
    }


@pytest.mark.parametrize("pattern", ["direct", "front-door", "two-doors"])
def test_where_nothing_is_kept_nothing_is_erased(pattern: str) -> None:
    assert "ErasesMemory" not in json.dumps(made(pattern))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_without_chat_memory_or_without_conversations_there_is_none(pattern: str) -> None:
    assert "MessageMemory" not in made(pattern)["Resources"]
    if pattern != "conversations":
        assert "MessageMemory" not in made(pattern, **{"chat.memory": "texts-0123456789"})["Resources"]
