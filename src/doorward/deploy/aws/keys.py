"""Keys for data at rest: one of the house's owner where it is given, and a small one of the stack's own for alarms."""

from doorward.deploy.aws.template import Fragment, Map, allow, att, either, given, ref, resource, sub
from doorward.deploy.document import Node

# With a grant of the caller's rights a service uses a key for whoever calls it: DynamoDB and AgentCore Memory do so.
_USE: list[str] = ["kms:Decrypt", "kms:GenerateDataKey*"]


def own_key() -> Fragment:
    """The parameter, and the condition ``HasOwnKey``."""
    services = "CloudWatch alarms, CloudWatch Logs, SNS, DynamoDB, Lambda and AgentCore Memory"
    said = f"ARN of a KMS key of yours for data and logs, whose policy admits {services}; empty: keys that AWS owns."
    parameter: Map = {"Type": "String", "Default": "", "Description": said}
    return Fragment(parameters={"OwnKeyArn": parameter}, conditions={"HasOwnKey": given("OwnKeyArn")})


def alarms_key() -> Fragment:
    """The key of the topic for alarms. Nobody can give CloudWatch a right to the key that AWS keeps for SNS
    (alias/aws/sns), so that no alarm would ever arrive by it."""
    account = sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")
    statements: list[Node] = [
        {"Sid": "Account", "Effect": "Allow", "Principal": {"AWS": account}, "Action": "kms:*", "Resource": "*"},
        {
            "Sid": "Alarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": [*_USE],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}},
        },
    ]
    made = resource(
        "AWS::KMS::Key",
        {
            "Description": sub("Alarms of ${AWS::StackName}"),
            "EnableKeyRotation": True,
            "PendingWindowInDays": 7,
            "KeyPolicy": {"Version": "2012-10-17", "Statement": statements},
        },
        Condition="HasNoOwnKey",
    )
    return Fragment(
        conditions={"HasNoOwnKey": {"Fn::Not": [{"Condition": "HasOwnKey"}]}},
        resources={"AlarmsKey": made},
    )


def key_of_alarms() -> Map:
    """Which of the two."""
    return either("HasOwnKey", ref("OwnKeyArn"), att("AlarmsKey", "Arn"))


def by_way_of(sid: str, service: str) -> Map:
    """The right to have a service use the own key for the caller, and no other way to it."""
    via = sub(f"{service}.${{AWS::Region}}.amazonaws.com")
    condition: Map = {"StringEquals": {"kms:ViaService": via}}
    return allow(
        sid, ["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"], [ref("OwnKeyArn")], Condition=condition
    )
