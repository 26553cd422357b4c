"""API Gateway: the front door's place on AWS. It authenticates, throttles, logs; what it cannot, the functions do."""

import hashlib
import json

from doorward.deploy.aws.identity import SCOPE
from doorward.deploy.aws.plan import STAGE, ApiRoute, Plan
from doorward.deploy.aws.template import (
    Fragment,
    Map,
    att,
    either,
    excused,
    ref,
    resource,
    role,
    sub,
)
from doorward.deploy.document import Node

_HEADERS = "authorization,content-type,accept,last-event-id,idempotency-key"
_SESSION = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
_SHOWN = "x-turn-id,x-session-id,location,x-request-id,retry-after,idempotency-replayed"
# Ids and numbers: no token, no query, no text of anybody.
_LOG_FIELDS = {
    "requestId": "requestId",
    "address": "identity.sourceIp",
    "at": "requestTimeEpoch",
    "method": "httpMethod",
    "resource": "resourcePath",
    "status": "status",
    "milliseconds": "responseLatency",
    "bytes": "responseLength",
    "user": "authorizer.claims.sub",
    "waf": "wafResponseCode",
    "authorizer": "authorizer.error",
}


def api(plan: Plan, origin: Map) -> Fragment:
    """The API with its stage. Pages of `origin` may call it."""
    served = {**_Methods(plan, origin).resources, "ApiAuthorizer": _authorizer(), **_gateway_responses(origin)}
    resources: dict[str, Map] = {
        "Api": resource(
            "AWS::ApiGateway::RestApi",
            {
                "Name": ref("AWS::StackName"),
                "EndpointConfiguration": {"Types": ["REGIONAL"]},
                "SecurityPolicy": "SecurityPolicy_TLS13_1_2_2021_06",
                "EndpointAccessMode": "STRICT",
            },
        ),
        **served,
        **_stage(served),
        **_log(),
    }
    return Fragment(
        parameters={
            "ApiLogRole": {
                "Type": "String",
                "Default": "yes",
                "AllowedValues": ["yes", "no"],
                "Description": "Set the account's one role for API Gateway's logs; no: it is set already.",
            },
            **_throttle(plan),
        },
        conditions={"SetsLogRole": {"Fn::Equals": [ref("ApiLogRole"), "yes"]}},
        resources=resources,
        outputs={
            "ApiUrl": {"Value": sub("https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${ApiStage}")},
            "ApiId": {"Value": ref("Api")},
        },
    )


def _throttle(plan: Plan) -> dict[str, Map]:
    """All users share it; what bounds each of them is the house's own."""
    said = {
        "RequestsPerSecond": (plan.limits.requests_per_second, "Requests a second that the API takes, of all users."),
        "RequestBurst": (plan.limits.burst, "Requests that it takes at once."),
    }
    return {
        name: {"Type": "Number", "Default": default, "MinValue": 1, "Description": meaning}
        for name, (default, meaning) in said.items()
    }


def _authorizer() -> Map:
    return resource(
        "AWS::ApiGateway::Authorizer",
        {
            "Name": "cognito",
            "RestApiId": ref("Api"),
            "Type": "COGNITO_USER_POOLS",
            "IdentitySource": "method.request.header.Authorization",
            "ProviderARNs": [att("UserPool", "Arn")],
            "AuthorizerResultTtlInSeconds": 60,
        },
    )


class _Methods:
    """The resources for each path, its methods, and the answer to a page that asks before it calls (CORS)."""

    def __init__(self, plan: Plan, origin: Map) -> None:
        self._plan = plan
        self._origin = origin
        self.resources: dict[str, Map] = {}
        if not plan.signed:
            self.resources |= {"PromptModel": _prompt_model(plan), "PromptValidator": _validator()}
        for path in dict.fromkeys(route.path for route in plan.routes):
            self._path(path, [route for route in plan.routes if route.path == path])

    def _path(self, path: str, routes: list[ApiRoute]) -> None:
        place = self._place(path)
        for route in routes:
            self.resources[f"{_name(path)}{route.method.capitalize()}"] = self._method(route, place)
        allowed = ",".join([*(route.method for route in routes), "OPTIONS"])
        self.resources[f"{_name(path)}Preflight"] = self._preflight(place, allowed)

    def _preflight(self, place: Map, allowed: str) -> Map:
        headers = {**_cors(self._origin), "Access-Control-Allow-Methods": f"'{allowed}'"}
        if not self._plan.signed:
            headers["Access-Control-Allow-Headers"] = f"'{_HEADERS},{_SESSION.lower()}'"
        return _preflight(place, {**headers, "Access-Control-Max-Age": "'600'"})

    def _place(self, path: str) -> Map:
        """The resource of a path; those above it are made with it."""
        parts = path.strip("/").split("/")
        for depth, part in enumerate(parts):
            name = f"{_name('/'.join(parts[: depth + 1]))}Path"
            parent = ref(f"{_name('/'.join(parts[:depth]))}Path") if depth else att("Api", "RootResourceId")
            made: Map = {"RestApiId": ref("Api"), "ParentId": parent, "PathPart": part}
            self.resources[name] = resource("AWS::ApiGateway::Resource", made)
        return ref(f"{_name(path)}Path")

    def _method(self, route: ApiRoute, place: Map) -> Map:
        properties: Map = {
            "RestApiId": ref("Api"),
            "ResourceId": place,
            "HttpMethod": route.method,
            "AuthorizationType": "COGNITO_USER_POOLS",
            "AuthorizerId": ref("ApiAuthorizer"),
            # With a scope the authorizer takes access tokens alone: an ID token has none.
            "AuthorizationScopes": [SCOPE],
        }
        if self._plan.signed:
            properties["Integration"] = _to_function(route)
        else:
            session = f"method.request.header.{_SESSION}"
            properties |= {
                "RequestParameters": {session: True},
                # INVARIANT: no body goes unvalidated. API Gateway validates a content type that is named here, and
                # every other by `$default`; without it those pass as they are ("Request validation for REST APIs").
                "RequestModels": {"application/json": ref("PromptModel"), "$default": ref("PromptModel")},
                "RequestValidatorId": ref("PromptValidator"),
                "Integration": _to_agent(session),
            }
        return resource("AWS::ApiGateway::Method", properties)


def _to_function(route: ApiRoute) -> Map:
    """Every answer is streamed, so that one form of answers is enough; an event stream needs it."""
    return {
        "Type": "AWS_PROXY",
        "IntegrationHttpMethod": "POST",
        "ResponseTransferMode": "STREAM",
        "TimeoutInMillis": 60000,
        "Uri": sub(
            "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2021-11-15/functions/"
            f"${{{route.function}Function.Arn}}/response-streaming-invocations"
        ),
    }


def _to_agent(session: str) -> Map:
    """The user's own token is handed on: the gap of this pattern, kept to be seen."""
    arn = "arn%3A${AWS::Partition}%3Abedrock-agentcore%3A${AWS::Region}%3A${AWS::AccountId}%3Aruntime%2F"
    return {
        "Type": "HTTP_PROXY",
        "IntegrationHttpMethod": "POST",
        "ResponseTransferMode": "STREAM",
        "TimeoutInMillis": 900000,
        "Uri": sub(
            "https://bedrock-agentcore.${AWS::Region}.${AWS::URLSuffix}/runtimes/"
            f"{arn}${{Agent.AgentRuntimeId}}/invocations?qualifier=DEFAULT"
        ),
        "RequestParameters": {
            "integration.request.header.Authorization": "method.request.header.Authorization",
            f"integration.request.header.{_SESSION}": session,
        },
    }


def _prompt_model(plan: Plan) -> Map:
    text: Map = {"type": "string", "minLength": 1, "maxLength": plan.limits.message_characters}
    schema: Map = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "properties": {"prompt": text},
        "required": ["prompt"],
        "additionalProperties": False,
    }
    made: Map = {"RestApiId": ref("Api"), "Name": "Prompt", "ContentType": "application/json", "Schema": schema}
    return resource("AWS::ApiGateway::Model", made)


def _validator() -> Map:
    made: Map = {"RestApiId": ref("Api"), "ValidateRequestBody": True, "ValidateRequestParameters": True}
    return resource("AWS::ApiGateway::RequestValidator", made)


def _cors(origin: Map) -> Map:
    return {
        "Access-Control-Allow-Origin": sub("'${Origin}'", Origin=origin),
        "Access-Control-Allow-Headers": f"'{_HEADERS}'",
        "Access-Control-Expose-Headers": f"'{_SHOWN}'",
        "Vary": "'origin'",
    }


def _preflight(place: Map, headers: Map) -> Map:
    return resource(
        "AWS::ApiGateway::Method",
        {
            "RestApiId": ref("Api"),
            "ResourceId": place,
            "HttpMethod": "OPTIONS",
            "AuthorizationType": "NONE",
            "Integration": {
                "Type": "MOCK",
                "RequestTemplates": {"application/json": '{"statusCode": 204}'},
                "IntegrationResponses": [
                    {
                        "StatusCode": "204",
                        "ResponseParameters": {f"method.response.header.{name}": at for name, at in headers.items()},
                    }
                ],
            },
            "MethodResponses": [
                {
                    "StatusCode": "204",
                    "ResponseParameters": {f"method.response.header.{name}": False for name in headers},
                }
            ],
        },
    )


def _gateway_responses(origin: Map) -> dict[str, Map]:
    """What API Gateway says itself looks like every other problem of the house, and a page may read it."""
    problems = {
        "Unauthorized": ("UNAUTHORIZED", 401, "unauthenticated", "Sign in, or send an access token."),
        "Expired": ("EXPIRED_TOKEN", 401, "token_expired", "The token has expired."),
        "AccessDenied": ("ACCESS_DENIED", 403, "forbidden", "This is not allowed."),
        "Filtered": ("WAF_FILTERED", 403, "filtered", "The request was refused by a filter."),
        "Throttled": ("THROTTLED", 429, "too_many_requests", "Too many requests."),
        "TooLarge": ("REQUEST_TOO_LARGE", 413, "body_too_large", "The body is too large."),
        "BadBody": ("BAD_REQUEST_BODY", 400, "invalid_body", "The body does not fit."),
        "TimedOut": ("INTEGRATION_TIMEOUT", 504, "agent_timeout", "The answer did not come in time."),
        "OtherRefusal": ("DEFAULT_4XX", 0, "refused", "The request was refused."),
        "OtherFailure": ("DEFAULT_5XX", 0, "internal_error", "Something went wrong here."),
    }
    return {f"Api{name}": _gateway_response(origin, *said) for name, said in problems.items()}


def _gateway_response(origin: Map, kind: str, status: int, code: str, detail: str) -> Map:
    body = f'{{"code":"{code}","error":"{detail}","detail":"{detail}","request_id":"$context.requestId"}}'
    headers: Map = {f"gatewayresponse.header.{name}": value for name, value in _cors(origin).items()}
    if kind == "THROTTLED":
        headers["gatewayresponse.header.Retry-After"] = "'1'"
    if status == 401:
        headers["gatewayresponse.header.WWW-Authenticate"] = "'Bearer realm=\"doorward\"'"
    made: Map = {
        "RestApiId": ref("Api"),
        "ResponseType": kind,
        "ResponseParameters": headers,
        "ResponseTemplates": {"application/problem+json": body, "application/json": body},
    }
    if status:
        made["StatusCode"] = str(status)
    return resource("AWS::ApiGateway::GatewayResponse", made)


def _stage(served: dict[str, Map]) -> dict[str, Map]:
    """INVARIANT: a stage serves what the template says. A deployment is a picture of the API as it was when it was
    made, and is made once: whatever of the API changes gives it another name."""
    picture = json.dumps(served, sort_keys=True).encode()
    deployment = f"ApiDeployment{hashlib.sha256(picture).hexdigest()[:8]}"
    log = {name: f"$context.{field}" for name, field in _LOG_FIELDS.items()}
    settings: Map = {
        "HttpMethod": "*",
        "ResourcePath": "/*",
        "ThrottlingRateLimit": ref("RequestsPerSecond"),
        "ThrottlingBurstLimit": ref("RequestBurst"),
        "MetricsEnabled": True,
        # INVARIANT: bodies and tokens are never traced into a log.
        "DataTraceEnabled": False,
        "LoggingLevel": "ERROR",
    }
    after: list[Node] = [*sorted(served)]
    stage = resource(
        "AWS::ApiGateway::Stage",
        {
            "RestApiId": ref("Api"),
            "DeploymentId": ref(deployment),
            "StageName": STAGE,
            # Logs can be asked for only when the account has its role; this makes the stage wait for it.
            "Description": either("SetsLogRole", sub("Logs by ${ApiLogAccount}"), "Logs by the account's role"),
            "TracingEnabled": True,
            "AccessLogSetting": {
                "DestinationArn": att("ApiLog", "Arn"),
                "Format": json.dumps(log),
            },
            "MethodSettings": [settings],
        },
    )
    return {
        deployment: resource("AWS::ApiGateway::Deployment", {"RestApiId": ref("Api")}, DependsOn=after),
        "ApiStage": excused(
            stage,
            CKV_AWS_120="Answers belong to one user each; a cache would be a place to mix them up.",
        ),
    }


def _log() -> dict[str, Map]:
    return {
        "ApiLog": resource(
            "AWS::Logs::LogGroup",
            {"RetentionInDays": 365, "KmsKeyId": either("HasOwnKey", ref("OwnKeyArn"), ref("AWS::NoValue"))},
        ),
        "ApiLogRoleOfAccount": {
            **role("apigateway.amazonaws.com", [_log_writing()]),
            "Condition": "SetsLogRole",
        },
        "ApiLogAccount": resource(
            "AWS::ApiGateway::Account",
            {"CloudWatchRoleArn": att("ApiLogRoleOfAccount", "Arn")},
            Condition="SetsLogRole",
        ),
    }


def _log_writing() -> Map:
    """As AWS's own AmazonAPIGatewayPushToCloudWatchLogs, in this account and Region: API Gateway tries the role."""
    actions = ["CreateLogGroup", "CreateLogStream", "DescribeLogGroups", "DescribeLogStreams", "PutLogEvents"]
    actions += ["GetLogEvents", "FilterLogEvents"]
    where = sub("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:*")
    return {
        "Sid": "Logs",
        "Effect": "Allow",
        "Action": [f"logs:{action}" for action in actions],
        "Resource": [where],
    }


def _name(path: str) -> str:
    """A logical name for a path: ``/api/turns/{turn_id}`` -> ``ApiTurnsTurnId``."""
    letters = "".join(letter if letter.isalnum() else " " for letter in path)
    return "".join(word.capitalize() for word in letters.split())
