"""Writes `docs/reference/aws-costs.md` from `docs/reference/aws-prices.toml`: ``python docs/render_aws_costs.py``."""

import math
import tomllib
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).parent / "reference"
TARGET = REFERENCE / "aws-costs.md"
SOURCE = REFERENCE / "aws-prices.toml"
MODELS = Path(__file__).parents[1] / "src" / "doorward" / "model" / "prices.toml"

HEAD = """# AWS costs

What one chat message costs in each service, and what a flood of requests costs in each pattern. By list prices in
{region}, put together on {date}; **not one of them was read from AWS's own page**, see [the prices](#prices). The
figures are made by `docs/render_aws_costs.py` from `docs/reference/aws-prices.toml`: change a number there and run it.
"""


class Costs:
    """Dollars, from the table."""

    def __init__(self, table: dict[str, Any], models: dict[str, Any]) -> None:
        self._prices = {name: each["dollars"] for name, each in table["prices"].items()}
        self.message = table["message"]
        self.flood = table["flood"]
        self._model = models["models"][self.message["model"]]

    def of(self, price: str, count: float, unit: float = 1e6) -> float:
        """`count` of what has its price per `unit`."""
        return float(self._prices[price]) * count / unit

    def model(self) -> float:
        """The tokens of one message."""
        message = self.message
        tokens = message["input_tokens"] * self._model["input"] + message["output_tokens"] * self._model["output"]
        return float(tokens) / 1e6

    def agent(self) -> float:
        """AgentCore Runtime for one message, with its share of the session's idle time."""
        message = self.message
        alive = message["seconds"] + message["idle_seconds"] / message["messages_per_session"]
        cpu = self.of("agent_vcpu_hours", message["agent_cpu_seconds"], 3600)
        return cpu + self.of("agent_gb_hours", alive * message["agent_gb"], 3600)

    def function(self, seconds: float) -> float:
        """One invocation."""
        return self.of("lambda_requests", 1) + self.of("lambda_gb_seconds", seconds * self.message["function_gb"])

    def rows(self, pattern: str) -> dict[str, float]:
        """What one message costs in each service."""
        message = self.message
        rows = {"model": self.model(), "AgentCore Runtime": self.agent()}
        rows["Cognito"] = self.of("cognito_users", 1, message["messages_per_user_month"])
        if pattern == "direct":
            return rows
        requests = message["api_requests"] if pattern == "conversations" else 2
        rows["API Gateway"] = self.of("api_requests", requests)
        rows["WAF"] = self.of("waf_requests", requests)
        rows["logs"] = self.of("logs_gb", message["log_kb"]) + self.access_log(requests)
        if pattern == "two-doors":
            rows["Lambda"] = self.function(message["seconds"])
            rows["DynamoDB"] = self.table(message["relay_writes"], message["relay_reads"])
        if pattern == "conversations":
            rows["Lambda"] = 2 * self.function(message["seconds"]) + 2 * self.function(0.1)
            rows["DynamoDB"] = self.table(*self._units())
            rows["AgentCore Memory"] = self.of("memory_events", message["memory_events"], 1000)
        return rows

    def table(self, writes: float, reads: float) -> float:
        """So many units of the table."""
        return self.of("dynamodb_writes", writes) + self.of("dynamodb_reads", reads)

    def access_log(self, requests: float) -> float:
        """The API's own lines."""
        return self.of("logs_gb", requests * self.message["access_log_kb"])

    def _units(self) -> tuple[float, float]:
        """What a turn of `conversations` writes and reads."""
        message = self.message
        batches = message["answer_seconds"] / message["poll"]
        kilobytes = math.ceil(message["output_tokens"] * message["event_bytes"] / batches / 1024)
        events = 2 * batches * (kilobytes + 1)  # a transaction: the batch, and the turn, which knows its last event
        writes = sum(message[f"{name}_writes"] for name in ("begin", "end", "mark", "rate")) + events
        looks = message["seconds"] / message["poll"] + message["seconds"] / message["cancel_poll"]
        silent = message["seconds"] - message["answer_seconds"]  # then the turn itself is looked at, each second
        reads = sum(message[f"{name}_reads"] for name in ("begin", "end", "page"))
        return writes, reads + looks + silent + batches


class Flood:
    """What a flood comes to: how many turns run, and what the whole of it costs."""

    def __init__(self, costs: Costs, pattern: str) -> None:
        self._costs = costs
        self._pattern = pattern
        self._flood = costs.flood
        self.hours = self._flood["requests"] / self._flood["per_second"] / 3600

    def turns(self, *, budget: bool) -> int:
        """How many turns one signed-in user can have run."""
        flood, message = self._flood, self._costs.message
        if self._pattern in ("direct", "front-door"):
            return int(flood["requests"])
        by_place = self.hours * 3600 / message["seconds"] * flood["concurrent_turns"]
        most = min(by_place, self._admitted())
        if budget:
            days = int(self.hours // 24) + 1
            most = min(
                most, days * flood["user_tokens_per_day"] // (message["input_tokens"] + message["output_tokens"])
            )
        return int(most)

    def _admitted(self) -> float:
        """How many requests the user's rate lets through."""
        flood = self._flood
        return float(min(flood["requests"], self.hours * 3600 / flood["user_window"] * flood["user_requests"]))

    def _refused(self, turns: int, *, budget: bool) -> float:
        """All requests that run no turn: by the rate, and behind it for want of a place, or of a budget."""
        costs, flood = self._costs, self._flood
        by_rate, behind = flood["requests"] - self._admitted(), self._admitted() - turns
        after_rate = flood["concurrent_turns"]
        if budget:
            aside = costs.message["begin_writes"] if self._pattern == "conversations" else flood["relay_aside_writes"]
            after_rate = flood["place_writes"] + aside
        writes = by_rate * flood["rate_refused_writes"] + behind * (flood["rate_admitted_writes"] + after_rate)
        reads = by_rate * flood["rate_refused_reads"]
        if budget and self._pattern == "conversations":
            reads += behind * costs.message["begin_reads"]
        each = costs.function(flood["refused_seconds"]) + costs.of("logs_gb", flood["refused_log_kb"])
        return costs.table(writes, reads) + (by_rate + behind) * each

    def with_token(self, *, budget: bool = False) -> float:
        """By somebody with a valid token. In the first two patterns it opens the agent itself, past everything."""
        costs = self._costs
        turns = self.turns(budget=budget)
        shared = ("model", "AgentCore Runtime", "AgentCore Memory", "DynamoDB", "Lambda")
        rows = costs.rows("direct" if self._pattern == "front-door" else self._pattern)
        bill = turns * sum(rows.get(name, 0.0) for name in shared)
        if self._pattern in ("two-doors", "conversations"):
            requests = self._flood["requests"]
            bill += costs.of("api_requests", requests) + costs.of("waf_requests", requests)
            bill += costs.access_log(requests) + self._refused(turns, budget=budget)
        return bill

    def stranger(self) -> float:
        """By somebody without one. WAF is billed for each request, and what the authorizer refuses is in the API's log;
        it costs nothing more."""
        requests = self._flood["requests"]
        if self._pattern == "direct":
            return 0.0
        return self._costs.of("waf_requests", requests) + self._costs.access_log(requests)


PATTERNS = ("direct", "front-door", "two-doors", "conversations")


def render() -> str:
    """The page's text."""
    table = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    costs = Costs(table, tomllib.loads(MODELS.read_text(encoding="utf-8")))
    parts = [HEAD.format(region=table["region"], date=table["date"]), *_message(costs), *_flood(costs)]
    return "\n".join([*parts, *_prices(table)]) + "\n"


ONE_MESSAGE = """## One message

{input_tokens} tokens in and {output_tokens} out with `{model}`, {seconds:.0f} seconds, {messages_per_session} messages
in a session; the table counts a budget of user, tenant and all. Dollars for a thousand messages:
"""

A_FLOOD = """## A flood of {requests:,} requests

At {per_second:.0f} a second, which is as fast as AgentCore begins sessions: {hours:.1f} hours. By a stranger without a
token; by one user with a valid one; and by that user where `budget.user_tokens_per_day = {user_tokens_per_day}`. Other
limits are the defaults: {concurrent_turns} turns at once, {user_requests} requests in {user_window:.0f} seconds. A
budget is that of a UTC day, and the flood is taken to lie within one: past midnight it buys as many turns again.

| pattern | stranger | one user: turns that run | one user: bill | with the budget: turns | bill |
| --- | ---: | ---: | ---: | ---: | ---: |"""

LESSON = """
With a budget the bill is mostly refusals: each is a function's invocation, its lines and the API's in the
log, and conditions in the table that do not hold, which DynamoDB bills as writes.

This is denial of wallet in numbers. In `direct` every request that a token opens is a run that is paid. In `front-door`
there is a filter, a throttle and a log, and all of them can be walked around with the same token, at the agent's own
address. From `two-doors` on a user's token opens nothing but the front door: what a flood buys there is refusals, and
with a budget its bill is {ratio:,.0f} times smaller.

Left out: data transfer, X-Ray, what a flood from many accounts of your own users would do (that is what
`budget.total_tokens_per_day` is for), AWS Shield, and erasing what the agent keeps of a deleted conversation: AWS names
a price for new events of a memory, and none for the ListEvents and the DeleteEvent of each event that this takes.
"""


def _message(costs: Costs) -> list[str]:
    lines = [
        ONE_MESSAGE.format(**costs.message),
        f"| service | {' | '.join(f'`{pattern}`' for pattern in PATTERNS)} |",
        f"| --- {'| ---: ' * len(PATTERNS)}|",
    ]
    by_pattern = {pattern: costs.rows(pattern) for pattern in PATTERNS}
    for name in by_pattern["conversations"]:
        cells = [f"{rows[name] * 1000:.3f}" if name in rows else "" for rows in by_pattern.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    sums = [f"{sum(rows.values()) * 1000:.2f}" for rows in by_pattern.values()]
    lines.append(f"| **together** | {' | '.join(f'**{each}**' for each in sums)} |")
    return [*lines, "", *_month(costs), ""]


def _month(costs: Costs) -> list[str]:
    waf, key, alarm = (costs.of(name, 1, 1) for name in ("waf_month", "kms_month", "alarm_month"))
    return [
        f"A month without a message: WAF ${waf:.2f}, the key of the alarms ${key:.2f} where `OwnKeyArn` is not given,",
        f"and ${alarm:.2f} for each metric that an alarm watches (none of them in `direct`), else near nothing.",
    ]


def _flood(costs: Costs) -> list[str]:
    floods = {pattern: Flood(costs, pattern) for pattern in PATTERNS}
    lines = [A_FLOOD.format(hours=floods["direct"].hours, **costs.flood)]
    for pattern, each in floods.items():
        last = "no place for one |"
        if pattern in ("two-doors", "conversations"):
            last = f"{each.turns(budget=True):,} | ${each.with_token(budget=True):,.2f}"
        bill = f"{each.turns(budget=False):,} | ${each.with_token():,.2f}"
        lines.append(f"| `{pattern}` | ${each.stranger():,.2f} | {bill} | {last} |")
    ratio = floods["direct"].with_token() / floods["conversations"].with_token(budget=True)
    return [*lines, LESSON.format(ratio=ratio)]


def _prices(table: dict[str, Any]) -> list[str]:
    lines = ["## Prices", "", "| what | dollars | where AWS says it | seen |", "| --- | ---: | --- | --- |"]
    lines += [
        f"| {each['name']} | {each['dollars']:g} | <{each['page']}> | {each['seen']} |"
        for each in table["prices"].values()
    ]
    lines += ["", "Models: `src/doorward/model/prices.toml`, with a date of its own."]
    return lines


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
