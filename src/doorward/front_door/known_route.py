"""Refuses what is not in the table of routes: unknown paths with 404, other methods with 405.

INVARIANT: to whoever is no operator, an operator's route is a path that does not exist (AP-SES-08): `NOT_HERE` is the
answer to both, here and in the checks that follow.
"""

from doorward.front_door.check import Answer, Tools
from doorward.front_door.visit import Visit
from doorward.model.verdicts import Deny

NOT_HERE = Deny(code="not_found", detail="There is nothing here.", status=404)


class KnownRoute:
    """Stands after the limit per address, so that guessing paths is counted."""

    def __init__(self, tools: Tools) -> None:
        del tools

    async def check(self, visit: Visit) -> Answer:
        if visit.match is None or (visit.route is None and visit.match.operators_only):
            return NOT_HERE
        if visit.route is None:
            return Deny(
                code="method_not_allowed",
                detail="This path does not take that method.",
                status=405,
                headers={"allow": ", ".join(allowed_methods(visit.match.methods))},
            )
        return None


def allowed_methods(methods: frozenset[str]) -> list[str]:
    """The methods of a path in a fixed order; GET brings HEAD."""
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)
