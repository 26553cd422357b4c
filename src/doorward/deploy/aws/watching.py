"""What tells somebody: alarms, a dashboard, and a bound on the month's bill (denial of wallet)."""

import json

from doorward.deploy.aws.keys import key_of_alarms
from doorward.deploy.aws.plan import Plan
from doorward.deploy.aws.template import Fragment, Map, ref, resource, sub
from doorward.deploy.document import Node

_DIMENSION = {"AWS/Lambda": "FunctionName", "AWS/ApiGateway": "ApiName"}


def budget(plan: Plan) -> Fragment:
    """A monthly budget that warns at 80 % of what was spent and at 100 % of what is forecast. It counts the whole
    account: a filter by tag counts nothing before the account has switched that tag on for billing. It stops nothing:
    what does are the limits and budgets of the house."""
    notes: list[Node] = [_note("ACTUAL", 80), _note("FORECASTED", 100), _note("ACTUAL", 100)]
    return Fragment(
        parameters={
            "AlarmEmail": {"Type": "String", "Description": "Who is told of alarms and of the bill."},
            "MonthlyDollars": {
                "Type": "Number",
                "Default": plan.monthly_dollars,
                "MinValue": 1,
                "Description": "What the whole account may cost in a month before somebody is told.",
            },
        },
        resources={
            "Bill": resource(
                "AWS::Budgets::Budget",
                {
                    "Budget": {
                        "BudgetType": "COST",
                        "TimeUnit": "MONTHLY",
                        "BudgetLimit": {"Amount": ref("MonthlyDollars"), "Unit": "USD"},
                    },
                    "NotificationsWithSubscribers": notes,
                },
            )
        },
    )


def _note(kind: str, percent: int) -> Map:
    return {
        "Notification": {
            "NotificationType": kind,
            "ComparisonOperator": "GREATER_THAN",
            "Threshold": percent,
            "ThresholdType": "PERCENTAGE",
        },
        "Subscribers": [{"SubscriptionType": "EMAIL", "Address": ref("AlarmEmail")}],
    }


def watching(plan: Plan) -> Fragment:
    """Alarms by mail, and one dashboard."""
    names = ("Chat", "Turns", "Sweep", "Conversations") if plan.remembers else ("Chat",) if plan.signed else ()
    alarms = {
        "ApiFailsAlarm": _alarm("AWS/ApiGateway", "5XXError", ref("AWS::StackName"), 5),
        "ApiRefusesAlarm": _alarm("AWS/ApiGateway", "4XXError", ref("AWS::StackName"), 500),
    }
    for name in names:
        alarms[f"{name}FailsAlarm"] = _alarm("AWS/Lambda", "Errors", ref(f"{name}Function"), 1)
        alarms[f"{name}ThrottledAlarm"] = _alarm("AWS/Lambda", "Throttles", ref(f"{name}Function"), 1)
    if plan.signed:
        alarms |= _of_table()
    return Fragment(
        resources={
            "Alarms": resource("AWS::SNS::Topic", {"KmsMasterKeyId": key_of_alarms()}),
            "AlarmsByMail": resource(
                "AWS::SNS::Subscription",
                {"TopicArn": ref("Alarms"), "Protocol": "email", "Endpoint": ref("AlarmEmail")},
            ),
            **alarms,
            **_verdicts(names),
            "Dashboard": resource("AWS::CloudWatch::Dashboard", {"DashboardBody": sub(_dashboard(plan, names))}),
        },
    )


def _alarm(namespace: str, metric: str, of: Map, threshold: int) -> Map:
    watched: Map = {
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": _DIMENSION[namespace], "Value": of}],
        "Statistic": "Sum",
        "Period": 300,
    }
    return _told(watched, threshold)


def _of_table() -> dict[str, Map]:
    """DynamoDB counts throttled reads and writes by table, but throttled requests and its own errors only by table and
    operation: those are added up."""
    table: Map = {"Name": "TableName", "Value": ref("Table")}
    throttled: list[Map] = [_metric(f"{way}ThrottleEvents", [table]) for way in ("Read", "Write")]
    failed: list[Map] = [_metric("SystemErrors", [table, {"Name": "Operation", "Value": name}]) for name in _OPERATIONS]
    return {"TableThrottledAlarm": _told(_summed(throttled), 1), "TableFailsAlarm": _told(_summed(failed), 1)}


# What the engine of the table calls; an alarm adds up ten metrics at most.
_OPERATIONS = (
    *("GetItem", "BatchGetItem", "TransactGetItems", "Query"),
    *("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"),
)


def _metric(name: str, dimensions: list[Node]) -> Map:
    return {"Namespace": "AWS/DynamoDB", "MetricName": name, "Dimensions": dimensions}


def _summed(metrics: list[Map]) -> Map:
    names = [f"m{number}" for number in range(len(metrics))]
    parts: list[Node] = [
        {"Id": name, "MetricStat": {"Metric": metric, "Stat": "Sum", "Period": 300}, "ReturnData": False}
        for name, metric in zip(names, metrics, strict=True)
    ]
    # A metric without a point in a period would leave the whole sum without one.
    total = " + ".join(f"FILL({name}, 0)" for name in names)
    return {"Metrics": [*parts, {"Id": "total", "Expression": total, "ReturnData": True}]}


def _told(watched: Map, threshold: int) -> Map:
    return resource(
        "AWS::CloudWatch::Alarm",
        {
            **watched,
            "EvaluationPeriods": 1,
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [ref("Alarms")],
            "OKActions": [ref("Alarms")],
        },
    )


def _verdicts(names: tuple[str, ...]) -> dict[str, Map]:
    """Refusals of the front door as a metric, read from the ledger's lines in the functions' logs."""
    return {
        f"{name}Refusals": resource(
            "AWS::Logs::MetricFilter",
            {
                "LogGroupName": ref(f"{name}Log"),
                "FilterPattern": '{ $.ledger.entry.verdict = "deny" }',
                "MetricTransformations": [
                    {
                        "MetricNamespace": "Doorward",
                        "MetricName": "Refusals",
                        "MetricValue": "1",
                        "Dimensions": [{"Key": "Code", "Value": "$.ledger.entry.code"}],
                    }
                ],
            },
        )
        for name in names
        if name not in ("Turns", "Sweep")
    }


def _dashboard(plan: Plan, names: tuple[str, ...]) -> str:
    """The dashboard's body; ``${...}`` in it is filled in by ``Fn::Sub``."""
    widgets = [
        _widget(0, "Requests and refusals", [_api("Count"), _api("4XXError"), _api("5XXError")]),
        _widget(1, "Latency, p50 and p99", [_latency("p50"), _latency("p99")], stat=None),
        _widget(2, "Stopped at the edge", [_waf("BlockedRequests"), _waf("AllowedRequests")]),
    ]
    functions: list[Node] = [["AWS/Lambda", "Invocations", "FunctionName", f"${{{name}Function}}"] for name in names]
    if functions:
        widgets.append(_widget(3, "Functions", functions))
    if plan.signed:
        units: list[Node] = [["AWS/DynamoDB", name, "TableName", "${Table}"] for name in _UNITS]
        widgets.append(_widget(4, "Table, units", units))
    return json.dumps({"widgets": widgets})


_UNITS = ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")


def _api(name: str) -> Node:
    return ["AWS/ApiGateway", name, "ApiName", "${AWS::StackName}"]


def _latency(statistic: str) -> Node:
    return ["AWS/ApiGateway", "Latency", "ApiName", "${AWS::StackName}", {"stat": statistic}]


def _waf(name: str) -> Node:
    return ["AWS/WAFV2", name, "WebACL", "${AWS::StackName}", "Region", "${AWS::Region}", "Rule", "ALL"]


def _widget(place: int, title: str, metrics: list[Node], stat: str | None = "Sum") -> Node:
    properties: Map = {"title": title, "region": "${AWS::Region}", "period": 300, "view": "timeSeries"}
    properties["metrics"] = metrics
    if stat:
        properties["stat"] = stat
    where: Map = {"type": "metric", "x": 12 * (place % 2), "y": 6 * (place // 2), "width": 12, "height": 6}
    return {**where, "properties": properties}
