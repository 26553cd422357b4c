"""A CloudFormation template as data: fragments that are joined, and the intrinsic functions that they use."""

from msgspec import Struct

from doorward.deploy.document import Node

Map = dict[str, Node]


class Fragment(Struct, frozen=True, kw_only=True):
    """A part of a template. Names are unique in the whole of it."""

    parameters: dict[str, Map] = {}
    conditions: dict[str, Map] = {}
    rules: dict[str, Map] = {}
    resources: dict[str, Map] = {}
    outputs: dict[str, Map] = {}


def joined(description: str, fragments: list[Fragment]) -> Map:
    """The template. `ValueError` when two fragments use one name for two things."""
    template: Map = {"AWSTemplateFormatVersion": "2010-09-09", "Description": description}
    for section in ("parameters", "rules", "conditions", "resources", "outputs"):
        found: dict[str, Map] = {}
        for fragment in fragments:
            for name, value in getattr(fragment, section).items():
                if name in found and found[name] != value:
                    raise ValueError(f"two {section} are called {name}")
                found[name] = value
        if found:
            template[section.capitalize()] = dict(found)
    return template


def resource(kind: str, properties: Map, **attributes: Node) -> Map:
    """A resource. `attributes` are those beside its properties (DependsOn, Condition, DeletionPolicy, Metadata)."""
    return {"Type": kind, **attributes, "Properties": properties}


def private_bucket() -> Map:
    """A bucket that is encrypted, keeps versions, and that nobody can open to the public."""
    return resource(
        "AWS::S3::Bucket",
        {
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
            "VersioningConfiguration": {"Status": "Enabled"},
        },
    )


def ref(name: str) -> Map:
    """``Ref``."""
    return {"Ref": name}


def att(name: str, attribute: str) -> Map:
    """``Fn::GetAtt``."""
    return {"Fn::GetAtt": [name, attribute]}


def sub(text: str, **values: Node) -> Map:
    """``Fn::Sub``."""
    return {"Fn::Sub": [text, dict(values)]} if values else {"Fn::Sub": text}


def either(condition: str, then: Node, otherwise: Node) -> Map:
    """``Fn::If``."""
    return {"Fn::If": [condition, then, otherwise]}


NOTHING: Map = {"Ref": "AWS::NoValue"}


def given(parameter: str) -> Map:
    """The condition that a parameter is not empty."""
    return {"Fn::Not": [{"Fn::Equals": [ref(parameter), ""]}]}


# AgentCore's names: a letter, then letters, digits and underscores.
_LONGEST_NAME = 48
_MARK = 8


def name_in_account(*parts: str) -> Map:
    """A name for what is named once in an account and Region: `parts`, and a mark of this stack, so that two houses do
    not meet in it. The mark is the first eight digits of the stack's own id: unlike the stack's name they have one
    length and no hyphen. The first part is cut when the name would be too long."""
    first, *others = parts
    rest = "".join(f"_{part}" for part in (*others, "${Stack}"))
    room = _LONGEST_NAME - len(rest) + len("${Stack}") - _MARK
    identifier: Map = {"Fn::Select": [2, {"Fn::Split": ["/", ref("AWS::StackId")]}]}
    return sub(first[:room] + rest, Stack={"Fn::Select": [0, {"Fn::Split": ["-", identifier]}]})


def allow(sid: str, actions: list[str], resources: list[Node], **more: Node) -> Map:
    """A statement that allows."""
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resources, **more}


def deny(sid: str, actions: list[str], resources: list[Node], **more: Node) -> Map:
    """A statement that denies, whatever another one allows."""
    return {"Sid": sid, "Effect": "Deny", "Action": list(actions), "Resource": resources, **more}


def role(service: str, statements: list[Node], *, condition: Map | None = None) -> Map:
    """A role that one service may take, with these rights and no others."""
    trust: Map = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if condition is not None:
        trust["Condition"] = condition
    return resource(
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [
                {"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}},
            ],
        },
    )


def excused(item: Map, **reasons: str) -> Map:
    """A resource for which checks of checkov are left out, each with its reason (``CKV_AWS_1="..."``)."""
    skipped: list[Node] = [{"id": check, "comment": reason} for check, reason in reasons.items()]
    return {**item, "Metadata": {"checkov": {"skip": skipped}}}
