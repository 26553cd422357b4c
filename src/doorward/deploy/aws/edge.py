"""AWS WAF before the API: managed rules, a rate per address, a bound on bodies, a log of what was stopped."""

from doorward.deploy.aws.plan import Plan
from doorward.deploy.aws.template import Fragment, Map, att, ref, resource, sub
from doorward.deploy.document import Node

# AWS WAF reads 16 KB of a body for API Gateway, or up to 64 KB when asked to. What it cannot read must not pass.
INSPECTED_BYTES = 65536
_WINDOWS = (60, 120, 300, 600)
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
        _rule(1, "TooManyFromOneAddress", _rate(limits.address_requests, limits.address_window)),
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


def _rate(requests: int, window: int) -> Map:
    """The least window that WAF knows and that holds the configured one, with as many requests per second."""
    seconds = next((each for each in _WINDOWS if each >= window), _WINDOWS[-1])
    limit = max(10, requests * seconds // window)
    return {
        "RateBasedStatement": {"AggregateKeyType": "IP", "Limit": limit, "EvaluationWindowSec": seconds},
    }


def _seen(name: Node) -> Map:
    return {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": True, "MetricName": name}
