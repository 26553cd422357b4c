"""The services as Lambda functions, each with a role of its own that holds what it needs and nothing else."""

from collections.abc import Iterable

from msgspec import Struct

from doorward.deploy.aws.agent import erases_memory, where_memory_is
from doorward.deploy.aws.plan import STAGE, Plan
from doorward.deploy.aws.template import (
    NOTHING,
    Fragment,
    Map,
    allow,
    att,
    deny,
    either,
    excused,
    ref,
    resource,
    role,
    sub,
)
from doorward.deploy.aws.texts import READS, WRITES, no_agent, uses_texts, where_texts_are
from doorward.deploy.document import Node

_READ = ["GetItem", "BatchGetItem", "Query"]
_WRITE = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "ConditionCheckItem"]
# The 15 minutes that Lambda gives at most, less what is needed to close a turn that took all of its time.
LONGEST_TURN = 840
# How often what was lost is looked for. A sweep has just as long, so that two hardly meet.
SWEEP_MINUTES = 5
# How long the relay waits for an answer: the API's 60 seconds, less what is needed to say that it did not come.
RELAY_SECONDS = 55


class Function(Struct, frozen=True, kw_only=True):
    """A function: its module is ``doorward.compose.lambda_<module>``; memory in MB, timeout in seconds. `served`: it is
    behind the API. `runs_agent`: each of its invocations may cost what a turn costs. `bounds`: what bounds it where no
    concurrency is reserved."""

    module: str
    memory: int
    timeout: int
    statements: list[Node]
    environment: Map = {}
    served: bool = True
    runs_agent: bool = False
    bounds: str = "The API's throttle bounds it; turns have TurnsAtOnce, where that is given."


def functions(plan: Plan, origin: Map) -> Fragment:
    """The functions of the pattern."""
    made = _with_history(plan) if plan.remembers else {"Chat": _relay(plan)}
    resources: dict[str, Map] = {}
    for name, function in made.items():
        resources |= _function(plan, name, function, origin)
    if plan.remembers:
        resources |= _once("Turns", 60) | _once("Sweep", SWEEP_MINUTES * 60) | _schedule()
    parameters: dict[str, Map] = {
        "FunctionKey": {"Type": "String", "Description": "Key of the functions' zip in the artifact bucket."},
        "TurnsAtOnce": {
            "Type": "Number",
            "Default": 0,
            "MinValue": 0,
            "Description": "Most turns that run at once (reserved concurrency); 0: as the account allows.",
        },
    }
    conditions: dict[str, Map] = {"BoundsTurns": {"Fn::Not": [{"Fn::Equals": [ref("TurnsAtOnce"), 0]}]}}
    return Fragment(parameters=parameters, conditions=conditions, resources=resources, outputs=_named(made))


def _named(made: Iterable[str]) -> dict[str, Map]:
    """What a policy outside the stack must name: exactly, for others may make a role of a name like it."""
    parts = [f"{name}{kind}" for name in made for kind in ("Function", "Role")]
    return {f"{part}Arn": {"Value": att(part, "Arn")} for part in parts}


def callers(plan: Plan) -> tuple[str, ...]:
    """The roles that may run the agent."""
    return () if not plan.signed else ("TurnsRole",) if plan.remembers else ("ChatRole",)


def stoppers(plan: Plan) -> tuple[str, ...]:
    """The roles that may end its sessions, and run nothing."""
    return ("SweepRole",) if plan.remembers else ()


# The user's id is a header with a grant of its own.
_RUN = ("bedrock-agentcore:InvokeAgentRuntime", "bedrock-agentcore:InvokeAgentRuntimeForUser")
_STOP = "bedrock-agentcore:StopRuntimeSession"


def _agent(sid: str, *actions: str) -> Map:
    return allow(sid, [*actions], [att("Agent", "AgentRuntimeArn"), sub("${Agent.AgentRuntimeArn}/*")])


def _invoke() -> Map:
    return _agent("OneAgent", *_RUN, _STOP)


def _relay(plan: Plan) -> Function:
    """It waits for the whole answer: as long as the API waits for it."""
    del plan
    return Function(
        module="relay",
        memory=512,
        timeout=60,
        statements=[*_table(), _invoke()],
        environment={**_shared(), **_agent_address()},
        runs_agent=True,
    )


def _with_history(plan: Plan) -> dict[str, Function]:
    """Four functions. The one that people reach starts turns and tells of them, but cannot run the agent."""
    start = allow("StartsTurns", ["lambda:InvokeFunction"], [att("TurnsFunction", "Arn")])
    shared = {**_shared(), **where_texts_are(plan)}
    return {
        "Chat": Function(
            module="chat",
            memory=512,
            timeout=60,
            statements=[
                *_table(),
                *uses_texts(plan, *READS, *WRITES),
                start,
                no_agent(plan, "RunsNoAgent"),
                deny("AsksNoModel", ["bedrock:*"], ["*"]),
            ],
            environment={**shared, **_agent_address(), "DOORWARD_FUNCTIONS_TURNS": ref("TurnsFunction")},
        ),
        "Turns": Function(
            module="turns",
            memory=512,
            timeout=min(plan.turn_seconds, LONGEST_TURN) + 60,
            statements=[*_table(), *uses_texts(plan, *READS, *WRITES), _invoke()],
            environment={**shared, **_agent_address(), **where_memory_is()},
            served=False,
            runs_agent=True,
        ),
        "Sweep": _sweep(plan, shared),
        # INVARIANT: history cannot reach an agent or a model, whatever else is allowed to this role later.
        "Conversations": Function(
            module="conversations",
            memory=512,
            timeout=30,
            statements=[
                *_table(),
                *uses_texts(plan, *READS),
                no_agent(plan, "NoAgent"),
                deny("NoModelNoFunction", ["bedrock:*", "lambda:InvokeFunction", "lambda:InvokeAsync"], ["*"]),
            ],
            environment=shared,
        ),
    }


def _sweep(plan: Plan, shared: Map) -> Function:
    """The code of the turns function, beside it: turns that use up what is reserved for them leave the sweep alone.

    INVARIANT: it ends sessions and runs no agent, whatever event it is given.
    """
    return Function(
        module="turns",
        memory=512,
        timeout=SWEEP_MINUTES * 60,
        statements=[
            *_table(),
            *uses_texts(plan, *READS, *WRITES),
            _agent("EndsSessions", _STOP),
            *erases_memory(),
            deny("RunsNoAgent", ["bedrock-agentcore:InvokeAgentRuntime*"], ["*"]),
            deny("AsksNoModelNoFunction", ["bedrock:*", "lambda:InvokeFunction", "lambda:InvokeAsync"], ["*"]),
        ],
        environment={**shared, **_agent_address(), **where_memory_is()},
        served=False,
        bounds="Nothing but its schedule starts it.",
    )


def _table() -> list[Node]:
    actions = [f"dynamodb:{action}" for action in (*_READ, *_WRITE)]
    return [allow("OneTable", actions, [att("Table", "Arn"), sub("${Table.Arn}/index/*")])]


def _shared() -> Map:
    return {"DOORWARD_FUNCTIONS_TABLE": ref("Table"), "DOORWARD_AGENT_REGION": ref("AWS::Region")}


def _agent_address() -> Map:
    return {
        "DOORWARD_AGENT_URL": sub("https://bedrock-agentcore.${AWS::Region}.${AWS::URLSuffix}"),
        "DOORWARD_AGENT_REGION": ref("AWS::Region"),
        "DOORWARD_AGENT_ACCOUNT": ref("AWS::AccountId"),
        "DOORWARD_AGENT_ARN": att("Agent", "AgentRuntimeArn"),
    }


def _function(plan: Plan, name: str, function: Function, origin: Map) -> dict[str, Map]:
    statements: list[Node] = [
        allow("OwnLog", ["logs:CreateLogStream", "logs:PutLogEvents"], [att(f"{name}Log", "Arn")]),
        # X-Ray knows no resources.
        allow("Traces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]),
        # For its variables and for the table.
        either("HasOwnKey", allow("OwnKey", ["kms:Decrypt", "kms:GenerateDataKey"], [ref("OwnKeyArn")]), NOTHING),
        *function.statements,
    ]
    made: dict[str, Map] = {
        f"{name}Log": resource(
            "AWS::Logs::LogGroup",
            {"RetentionInDays": 365, "KmsKeyId": either("HasOwnKey", ref("OwnKeyArn"), NOTHING)},
        ),
        f"{name}Role": role("lambda.amazonaws.com", statements),
        f"{name}Function": _code(plan, name, function, origin),
    }
    if function.served:
        # INVARIANT: one stage. That of the console's test call has no authorizer before it.
        source = sub(f"arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{Api}}/{STAGE}/*")
        made[f"{name}Door"] = resource(
            "AWS::Lambda::Permission",
            {
                "FunctionName": ref(f"{name}Function"),
                "Action": "lambda:InvokeFunction",
                "Principal": "apigateway.amazonaws.com",
                "SourceArn": source,
            },
        )
    return made


def _code(plan: Plan, name: str, function: Function, origin: Map) -> Map:
    environment: Map = {
        # The runtime's own loop cannot stream from Python; this one speaks the same Runtime API and can.
        "AWS_LAMBDA_EXEC_WRAPPER": "/var/task/bootstrap",
        "DOORWARD_ENVIRONMENT": "production",
        "DOORWARD_PATTERN": plan.pattern,
        "DOORWARD_DATA": "/tmp/doorward",  # noqa: S108 - the one place that a function may write to, its own
        "DOORWARD_TELEMETRY_LOG_FORMAT": "json",
        "DOORWARD_SIGN_IN_ISSUER": sub("https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${UserPool}"),
        "DOORWARD_SIGN_IN_CLIENT_ID": ref("PageClient"),
        "DOORWARD_SIGN_IN_TOKEN_STYLE": "cognito",
        "DOORWARD_FRONT_DOOR_ALLOWED_ORIGINS": origin,
        "DOORWARD_GATEWAY_PUBLIC_URL": sub("https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"),
        **({"DOORWARD_FUNCTIONS_API": sub(f"${{AWS::AccountId}}:${{Api}}/{STAGE}")} if function.served else {}),
        **plan.environment,
        **function.environment,
    }
    made = resource(
        "AWS::Lambda::Function",
        {
            "Runtime": "python3.13",
            "Architectures": ["arm64"],
            "Handler": f"doorward.compose.lambda_{function.module}",
            "Code": {"S3Bucket": ref("ArtifactBucket"), "S3Key": ref("FunctionKey")},
            "Role": att(f"{name}Role", "Arn"),
            "MemorySize": function.memory,
            "Timeout": function.timeout,
            "TracingConfig": {"Mode": "Active"},
            "LoggingConfig": {"LogGroup": ref(f"{name}Log"), "LogFormat": "JSON"},
            "KmsKeyArn": either("HasOwnKey", ref("OwnKeyArn"), NOTHING),
            "Environment": {"Variables": environment},
            **({"ReservedConcurrentExecutions": _bound()} if function.runs_agent else {}),
        },
    )
    reasons = {
        "CKV_AWS_116": "Who asks it is answered; a lost turn is closed by the sweep, a lost sweep made again.",
        "CKV_AWS_117": "It reaches AWS services alone, by their public names and its role; a VPC adds no check.",
    }
    if not function.runs_agent:
        reasons["CKV_AWS_115"] = f"It runs no agent and no model. {function.bounds}"
    return excused(made, **reasons)


def _bound() -> Map:
    return either("BoundsTurns", ref("TurnsAtOnce"), NOTHING)


def _once(name: str, seconds: int) -> dict[str, Map]:
    """An event is run once, never again by itself, and dropped when no function took it in so many seconds. A turn that
    was dropped is closed by the sweep within seven minutes, one whose function died as long after its own limit."""
    made: Map = {
        "FunctionName": ref(f"{name}Function"),
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": seconds,
    }
    return {f"{name}Once": resource("AWS::Lambda::EventInvokeConfig", made)}


def _schedule() -> dict[str, Map]:
    return {
        "Sweep": resource(
            "AWS::Events::Rule",
            {
                "Description": "Closes turns whose function was lost, and has the agent forget deleted conversations.",
                "ScheduleExpression": f"rate({SWEEP_MINUTES} minutes)",
                "Targets": [{"Id": "sweep", "Arn": att("SweepFunction", "Arn"), "Input": '{"sweep": true}'}],
            },
        ),
        "SweepDoor": resource(
            "AWS::Lambda::Permission",
            {
                "FunctionName": ref("SweepFunction"),
                "Action": "lambda:InvokeFunction",
                "Principal": "events.amazonaws.com",
                "SourceArn": att("Sweep", "Arn"),
            },
        ),
    }
