"""What the templates are made from: plain data that `compose.deploying` takes from the settings and the routes."""

from msgspec import Struct

from doorward.model.settings import Pattern

_BEDROCKS = ("bedrock:", "bedrock_converse:", "anthropic_bedrock:", "amazon.", "anthropic.", "meta.")

# The API's only stage: functions take events of no other.
STAGE = "v1"


def on_bedrock(model: str) -> bool:
    """Whether a model is called with the agent's role: named so, or one whose maker `init_chat_model` takes for
    Bedrock's."""
    return model.startswith(_BEDROCKS)


class ApiRoute(Struct, frozen=True, kw_only=True):
    """One method on one path of the API; `function` names the function that answers: ``Chat`` or ``Conversations``."""

    method: str
    path: str
    function: str


class Limits(Struct, frozen=True, kw_only=True):
    """Numbers of the front door that the edge holds: requests per address and window (seconds), the bytes of a body,
    the characters of a message, and the requests per second of all users together, as the template has them unasked."""

    address_requests: int
    address_window: float
    body_bytes: int
    message_characters: int
    requests_per_second: int = 50
    burst: int = 100


class Plan(Struct, frozen=True, kw_only=True):
    """One deployment. `agent` is the agent's name in letters, digits and underscores; `environment` are the functions'
    variables (settings that are not the default); `monthly_dollars` is what the month may cost before somebody is
    told."""

    pattern: Pattern
    agent: str
    model: str
    turn_seconds: int
    limits: Limits
    routes: tuple[ApiRoute, ...] = ()
    environment: dict[str, str] = {}
    monthly_dollars: int = 100
    texts: bool = False

    @property
    def on_bedrock(self) -> bool:
        """Whether the agent's model is called with its role."""
        return on_bedrock(self.model)

    @property
    def signed(self) -> bool:
        """Whether the agent is called with a workload's signature and never with a user's token."""
        return self.pattern in ("two-doors", "conversations")

    @property
    def remembers(self) -> bool:
        """Whether conversations are kept."""
        return self.pattern == "conversations"
