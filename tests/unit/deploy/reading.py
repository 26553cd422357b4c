"""Templates as the tests read them."""

from collections.abc import Iterator
from typing import Any

from doorward.compose.deploying import plan_of
from doorward.compose.settings import load
from doorward.deploy.aws.patterns import template

PATTERNS = ("direct", "front-door", "two-doors", "conversations")
SIGNED = ("two-doors", "conversations")
NAMES = ("Chat", "Turns", "Sweep", "Conversations")


def made(pattern: str, **options: Any) -> dict[str, Any]:
    return template(plan_of(load(environ={}, options=options).settings, pattern))


def of_kind(found: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: item["Properties"] for name, item in found["Resources"].items() if item["Type"] == kind}


def statements(role: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            chosen = statement["Fn::If"][1] if "Fn::If" in statement else statement
            yield chosen


def may(role: dict[str, Any], action: str) -> bool:
    """Whether a role may do that to anything, by its own policies; a deny wins."""

    def named(effect: str) -> bool:
        found = [each for each in statements(role) if each["Effect"] == effect]
        return any(
            action == one or (one.endswith("*") and action.startswith(one[:-1])) for s in found for one in s["Action"]
        )

    return named("Allow") and not named("Deny")
