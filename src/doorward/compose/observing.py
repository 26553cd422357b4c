"""What the gateway counts as its answers go out. Decides nothing."""

from doorward.front_door.visit import Visit
from doorward.http.response import Response
from doorward.telemetry.metrics import observe_request


def count_request(visit: Visit, response: Response, seconds: float) -> None:
    """An observer of the front door. Unknown paths share one label: strangers choose them."""
    observe_request("front_door", visit.action if visit.route else "(unknown)", response.status, seconds)
