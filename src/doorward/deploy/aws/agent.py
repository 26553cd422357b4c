"""The agent on AgentCore Runtime: who may call it, what it may do, and where it remembers."""

import json

from doorward.deploy.aws.identity import SCOPE
from doorward.deploy.aws.memories import memory, uses
from doorward.deploy.aws.plan import Plan
from doorward.deploy.aws.template import (
    NOTHING,
    Fragment,
    Map,
    allow,
    att,
    deny,
    either,
    given,
    name_in_account,
    ref,
    resource,
    role,
    sub,
)
from doorward.deploy.document import Node

TURN_TOKEN = "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Turn-Token"  # noqa: S105 - a header's name
# What opens a shell in the agent's session: nobody's, not the service's either.
_SHELL = [
    "bedrock-agentcore:InvokeAgentRuntimeCommand",
    "bedrock-agentcore:InvokeAgentRuntimeCommandShell",
]
# Every action on a runtime's data plane, by AWS's service authorization reference; a test holds it to cfn-lint's copy.
_USE = [
    "bedrock-agentcore:InvokeAgentRuntime",
    "bedrock-agentcore:InvokeAgentRuntimeForUser",
    "bedrock-agentcore:InvokeAgentRuntimeWithWebSocketStream",
    "bedrock-agentcore:InvokeAgentRuntimeWithWebSocketStreamForUser",
    *_SHELL,
    "bedrock-agentcore:GetAgentCard",
]
_STOP = "bedrock-agentcore:StopRuntimeSession"
_OWN_IMAGE = r"^(|[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/doorward-[a-z0-9._/-]+[:@][A-Za-z0-9_.:-]+)$"
_MEMORY = "AgentMemory"
_OF_THE_AGENT = ("DOORWARD_AGENT_", "DOORWARD_TELEMETRY_LOG_LEVEL")
_MODEL = r"arn:[a-z-]+:bedrock:[a-z0-9-]*:[0-9]*:[a-z-]+/[A-Za-z0-9.:_-]+"
ENDPOINT = "${Agent.AgentRuntimeArn}/runtime-endpoint/DEFAULT"


def agent(plan: Plan, callers: tuple[str, ...], stoppers: tuple[str, ...] = ()) -> Fragment:
    """The runtime. With `callers` (logical names of roles) only they can call it, and `stoppers` end its sessions too;
    without, a user's token opens it."""
    resources = {"AgentRole": _role(plan), "Agent": _runtime(plan)}
    if callers:
        resources |= _only_for(callers, stoppers)
    if plan.remembers:
        about = "Checkpoints of the agent, per user and conversation"
        resources[_MEMORY] = memory(plan.agent, "memory", about, days=90)
    return Fragment(
        parameters=_parameters(plan),
        conditions={
            "AgentIsImage": given("AgentImage"),
            "HasModel": {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", ref("ModelArns")]}, ""]}]},
        },
        resources=resources,
        outputs={"AgentArn": {"Value": att("Agent", "AgentRuntimeArn")}},
    )


def _parameters(plan: Plan) -> dict[str, Map]:
    return {
        "ArtifactBucket": {"Type": "String", "Description": "Bucket with the packages that build.sh made."},
        "AgentKey": {"Type": "String", "Description": "Key of the agent's zip in that bucket."},
        "AgentImage": {
            "Type": "String",
            "Default": "",
            "AllowedPattern": _OWN_IMAGE,
            "ConstraintDescription": "an image with a tag or digest in an ECR repository whose name begins doorward-",
            "Description": "Image of the agent for 64-bit ARM, in a repository doorward-* of ECR in this account and "
            "Region (ACCOUNT.dkr.ecr.REGION.amazonaws.com/doorward-agent:1); empty: the zip is used.",
        },
        "ModelArns": _models(plan),
    }


def _models(plan: Plan) -> Map:
    """Needed where the agent's model is one of Bedrock's: a stack without it would refuse every turn."""
    said: Map = {
        "Type": "CommaDelimitedList",
        "AllowedPattern": f"^{_MODEL}$" if plan.on_bedrock else f"^(|{_MODEL})$",
        "ConstraintDescription": "ARNs of models and inference profiles of Bedrock, separated by commas",
        "Description": f"ARNs of what the agent may call on Bedrock, separated by commas (its model is {plan.model}). "
        "For an inference profile: its own and that of its model in each of its Regions.",
    }
    return said if plan.on_bedrock else {**said, "Default": ""}


def _runtime(plan: Plan) -> Map:
    code: Map = {
        "CodeConfiguration": {
            "Code": {"S3": {"Bucket": ref("ArtifactBucket"), "Prefix": ref("AgentKey")}},
            "EntryPoint": ["main.py"],
            "Runtime": "PYTHON_3_13",
        }
    }
    image: Map = {"ContainerConfiguration": {"ContainerUri": ref("AgentImage")}}
    # The limits of a turn, a model and a tool are held where they run.
    limits = {name: value for name, value in plan.environment.items() if name.startswith(_OF_THE_AGENT)}
    environment: Map = {**limits, "DOORWARD_AGENT_MODEL": plan.model, "DOORWARD_AGENT_REGION": ref("AWS::Region")}
    if plan.remembers:
        environment |= where_memory_is()
    properties: Map = {
        "AgentRuntimeName": name_in_account(plan.agent),
        "AgentRuntimeArtifact": either("AgentIsImage", image, code),
        "RoleArn": att("AgentRole", "Arn"),
        "NetworkConfiguration": {"NetworkMode": "PUBLIC"},
        "ProtocolConfiguration": "HTTP",
        "LifecycleConfiguration": {"IdleRuntimeSessionTimeout": 900, "MaxLifetime": 28800},
        "EnvironmentVariables": environment,
    }
    if plan.signed:
        # Who the turn is for. AgentCore hands on no header that is not named here.
        properties["RequestHeaderConfiguration"] = {"RequestHeaderAllowlist": [TURN_TOKEN]}
    else:
        properties["AuthorizerConfiguration"] = {
            "CustomJWTAuthorizer": {
                "DiscoveryUrl": sub(
                    "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${UserPool}/.well-known/openid-configuration"
                ),
                "AllowedClients": [ref("PageClient")],
                "AllowedScopes": [SCOPE],
            }
        }
    return resource("AWS::BedrockAgentCore::Runtime", properties)


def _only_for(callers: tuple[str, ...], stoppers: tuple[str, ...]) -> dict[str, Map]:
    """INVARIANT: whatever other policies of the account allow, no principal but `callers` runs the agent (AP-BYP-01).

    An allow alone would not do: inside one account a role's own policy is enough. So all others are denied. The runtime
    and its endpoint are asked each for itself.
    """
    running, stopping = ([f"${{{name}.Arn}}" for name in roles] for roles in (callers, (*callers, *stoppers)))
    targets = {"AgentPolicy": "${Agent.AgentRuntimeArn}", "AgentEndpointPolicy": ENDPOINT}
    return {name: _policy(target, running, stopping) for name, target in targets.items()}


def _policy(target: str, running: list[str], stopping: list[str]) -> Map:
    everybody = {"AWS": "*"}
    statements = [
        {
            "Sid": "OnlyOurService",
            "Effect": "Allow",
            "Principal": {"AWS": running},
            "Action": ["bedrock-agentcore:InvokeAgentRuntime", "bedrock-agentcore:InvokeAgentRuntimeForUser"],
            "Resource": target,
        },
        {
            "Sid": "OnlyOurServicesStop",
            "Effect": "Allow",
            "Principal": {"AWS": stopping},
            "Action": [_STOP],
            "Resource": target,
        },
        {
            "Sid": "NobodyElse",
            "Effect": "Deny",
            "Principal": everybody,
            "Action": [*_USE],
            "Resource": target,
            "Condition": {"ArnNotEquals": {"aws:PrincipalArn": running}},
        },
        {
            "Sid": "NobodyElseStops",
            "Effect": "Deny",
            "Principal": everybody,
            "Action": [_STOP],
            "Resource": target,
            "Condition": {"ArnNotEquals": {"aws:PrincipalArn": stopping}},
        },
        {
            "Sid": "NoShell",
            "Effect": "Deny",
            "Principal": everybody,
            "Action": [*_SHELL],
            "Resource": target,
        },
    ]
    return resource(
        "AWS::BedrockAgentCore::ResourcePolicy",
        {
            "ResourceArn": sub(target),
            "Policy": sub(json.dumps({"Version": "2012-10-17", "Statement": statements})),
        },
    )


def where_memory_is() -> Map:
    """The variable of the agent, and of the function that erases there."""
    return {"DOORWARD_AGENT_MEMORY": att(_MEMORY, "MemoryId")}


def erases_memory() -> list[Node]:
    """The statements of a role that erases what the agent keeps of a deleted conversation: it finds sessions and events
    and deletes those. The function asks for no content, though AWS has no right to list without it."""
    return uses(_MEMORY, ("ListSessions", "ListEvents", "DeleteEvent"), sid="ErasesMemory", key_sid="OwnKeyOfMemory")


_LOG_GROUPS = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group"
_LOGS = ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")


def _role(plan: Plan) -> Map:
    logs = f"{_LOG_GROUPS}:/aws/bedrock-agentcore/runtimes/*"
    statements: list[Node] = [
        allow("OwnLogs", [f"logs:{action}" for action in _LOGS], [sub(logs)]),
        allow("FindsLogs", ["logs:DescribeLogGroups"], [sub(f"{_LOG_GROUPS}:*")]),
        either(
            "HasModel",
            {
                "Sid": "OwnModels",
                "Effect": "Allow",
                "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"],
                "Resource": ref("ModelArns"),
            },
            NOTHING,
        ),
        either("AgentIsImage", _pull(), NOTHING),
        # To sign in to a registry ECR knows no resource; what may be taken from it is said above.
        either("AgentIsImage", allow("Registry", ["ecr:GetAuthorizationToken"], ["*"]), NOTHING),
        # The agent is run; it runs nobody, and it takes no user's name for a string that somebody sent.
        deny("CallsNoAgent", [*_USE, _STOP, "bedrock-agentcore:GetWorkloadAccessTokenForUserId"], ["*"]),
    ]
    if plan.remembers:
        actions = ("CreateEvent", "GetEvent", "ListEvents", "DeleteEvent")
        statements += uses(_MEMORY, actions, sid="OneMemory", key_sid="OwnKeyOfMemory")
    return role(
        "bedrock-agentcore.amazonaws.com",
        statements,
        condition={
            "StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")},
            "ArnLike": {
                "aws:SourceArn": sub("arn:${AWS::Partition}:bedrock-agentcore:${AWS::Region}:${AWS::AccountId}:*")
            },
        },
    )


def _pull() -> Map:
    repositories = sub("arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/doorward-*")
    return allow("OwnImages", ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [repositories])
