"""AWS WAF before the API: managed rules, a rate per address, a bound on bodies, a log of what was stopped."""

from doorward.deploy.aws.plan import Limits, Plan
from doorward.deploy.aws.template import Fragment, Map, att, ref, resource, sub
from doorward.deploy.document import Node

# AWS WAF reads 16 KB of a body for API Gateway, or up to 64 KB when asked to. What it cannot read must not pass.
INSPECTED_BYTES = 65536
# AWS WAF's rate rules count in these windows (seconds) and have limits from the least to the most.
_WINDOWS = (60, 120, 300, 600)
_LEAST, _MOST = 10, 2_000_000_000
# A prompt is text: people ask about code, attacks and addresses. Nobody runs it, and whatever its Content-Type says,
# the body's form is held to a closed schema (by the API's validator in `front-door`, by the function elsewhere). So for
# the body these rules only count; they hold on everything else of the request.
_COUNT_IN_COMMON = (
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "EC2MetaDataSSRF_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
)
_COUNT_IN_BAD_INPUTS = ("JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY")


def edge(plan: Plan) -> Fragment:
    """The web ACL, joined to the API's stage."""
    limits = plan.limits
    rules: list[Node] = [
        _rule(0, "BodyTooLarge", _body_over(min(limits.body_bytes, INSPECTED_BYTES))),
        _rule(1, "TooManyFromOneAddress", _rate(limits)),
        _managed(2, "AWSManagedRulesCommonRuleSet", _COUNT_IN_COMMON),
        _managed(3, "AWSManagedRulesKnownBadInputsRuleSet", _COUNT_IN_BAD_INPUTS),
    ]
    acl = resource(
        "AWS::WAFv2::WebACL",
        {
            "Scope": "REGIONAL",
            "DefaultAction": {"Allow": {}},
            "AssociationConfig": {"RequestBody": {"API_GATEWAY": {"DefaultSizeInspectionLimit": "KB_64"}}},
            "Rules": rules,
            # Under this name its metrics stand, beside those of the other houses of the account.
            "VisibilityConfig": _seen(ref("AWS::StackName")),
        },
    )
    stage = sub("arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${Api}/stages/${ApiStage}")
    return Fragment(
        resources={
            "Edge": acl,
            "EdgeAtApi": resource(
                "AWS::WAFv2::WebACLAssociation", {"ResourceArn": stage, "WebACLArn": att("Edge", "Arn")}
            ),
            # The name is not ours to choose: WAF only writes to groups that begin so.
            "EdgeLog": resource(
                "AWS::Logs::LogGroup",
                {
                    "LogGroupName": sub("aws-waf-logs-${AWS::StackName}"),
                    "RetentionInDays": 90,
                    "KmsKeyId": {"Fn::If": ["HasOwnKey", ref("OwnKeyArn"), ref("AWS::NoValue")]},
                },
            ),
            "EdgeLogging": _logging(),
        }
    )


def _logging() -> Map:
    stopped: list[Node] = [{"ActionCondition": {"Action": action}} for action in ("BLOCK", "COUNT")]
    return resource(
        "AWS::WAFv2::LoggingConfiguration",
        {
            "ResourceArn": att("Edge", "Arn"),
            "LogDestinationConfigs": [att("EdgeLog", "Arn")],
            # Tokens never reach a log.
            "RedactedFields": [
                {"SingleHeader": {"Name": "authorization"}},
                {"SingleHeader": {"Name": "cookie"}},
                {"QueryString": {}},
            ],
            "LoggingFilter": {
                "DefaultBehavior": "DROP",
                "Filters": [{"Behavior": "KEEP", "Requirement": "MEETS_ANY", "Conditions": stopped}],
            },
        },
    )


def _rule(priority: int, name: str, statement: Map) -> Map:
    return {
        "Name": name,
        "Priority": priority,
        "Action": {"Block": {}},
        "Statement": statement,
        "VisibilityConfig": _seen(name),
    }


def _managed(priority: int, group: str, counted: tuple[str, ...]) -> Map:
    overrides: list[Node] = [{"Name": name, "ActionToUse": {"Count": {}}} for name in counted]
    statement: Map = {"VendorName": "AWS", "Name": group, "RuleActionOverrides": overrides}
    return {
        "Name": group,
        "Priority": priority,
        "OverrideAction": {"None": {}},
        "Statement": {"ManagedRuleGroupStatement": statement},
        "VisibilityConfig": _seen(group),
    }


def _body_over(size: int) -> Map:
    return {
        "SizeConstraintStatement": {
            "FieldToMatch": {"Body": {"OversizeHandling": "MATCH"}},
            "ComparisonOperator": "GT",
            "Size": size,
            "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
        }
    }


def _rate(limits: Limits) -> Map:
    limit, seconds = _nearest(limits)
    return {
        "RateBasedStatement": {"AggregateKeyType": "IP", "Limit": limit, "EvaluationWindowSec": seconds},
    }


def _nearest(limits: Limits) -> tuple[int, int]:
    """The least window that WAF knows, that holds the configured one and in which as many requests per second are a
    limit that WAF takes; the requests in it. Where there is no such window, the rule is looser than the settings."""
    requests, window = limits.address_requests, limits.address_window
    fitting = (each for each in _WINDOWS if each >= window and requests * each >= _LEAST * window)
    seconds = next(fitting, _WINDOWS[-1])
    # Compared first: the quotient of a window of nearly nothing is no number.
    if requests * seconds >= _MOST * window:
        return _MOST, seconds
    return max(_LEAST, int(requests * seconds / window)), seconds


def looser(plan: Plan) -> list[str]:
    """Sentences about what this edge lets through that the settings would not."""
    limits = plan.limits
    limit, seconds = _nearest(limits)
    faster = limit * limits.address_window > limits.address_requests * seconds
    if plan.pattern == "direct" or not (faster or limit > limits.address_requests):
        return []
    how = "a higher rate" if faster else "no higher rate, but more of them at once"
    sentence = (
        f"front_door.address_requests: WAF lets an address send {limit} requests in {seconds} seconds, where the "
        f"settings say {limits.address_requests} in {limits.address_window:g}: {how}. WAF counts in windows of 60, "
        f"120, 300 and 600 seconds and has no limit below {_LEAST}."
    )
    return [sentence]


def _seen(name: Node) -> Map:
    return {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": True, "MetricName": name}
