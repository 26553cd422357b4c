"""What the parts of one house agree on: addresses, ARNs, endpoints, OAuth clients, where files lie."""

from pathlib import Path

from doorward.errors import ConfigurationError
from doorward.model.settings import Settings
from doorward.model.sign_in import Client

TITLES_AGENT = "doorward-titles"
PROGRAM_CLIENT = "doorward-cli"
PROGRAM_REDIRECT = "http://127.0.0.1:8484/callback"
BROWSER_CLIENT = "doorward-browser"
CHAT_WORKLOAD = "chat"
OPERATOR_WORKLOAD = "operator"
PRICES = Path(__file__).parents[1] / "model" / "prices.toml"


def arn(settings: Settings, name: str) -> str:
    """The ARN of an agent of this house, in the form of Bedrock AgentCore Runtime; the one that AWS gave, where it is
    AWS's."""
    if settings.agent.arn and name == settings.agent.name:
        return settings.agent.arn
    return f"arn:aws:bedrock-agentcore:{settings.agent.region}:{settings.agent.account}:runtime/{name}"


def deployment(settings: Settings) -> str:
    """The issuer of turn tokens: this house."""
    return f"doorward:{settings.agent.region}:{settings.agent.account}"


def issuer(settings: Settings) -> str:
    """The issuer of users' tokens: the configured one, or the embedded sign-in at the front door's URL."""
    return settings.sign_in.issuer or settings.gateway.public_url


def is_embedded(settings: Settings) -> bool:
    """Whether the embedded sign-in runs."""
    return not settings.sign_in.issuer


def clients(settings: Settings) -> tuple[Client, ...]:
    """The OAuth clients of the embedded sign-in: our page (by session), the page of pattern `direct`, programs, and
    those of the configuration, which win over ours of the same id."""
    url = settings.gateway.public_url
    own = (
        Client(
            client_id=settings.sign_in.client_id,
            redirect_uris=(f"{url}/session/callback",),
            logout_uris=(f"{url}/",),
            secret=settings.sign_in.client_secret,
        ),
        Client(client_id=BROWSER_CLIENT, redirect_uris=(f"{url}/",), logout_uris=(f"{url}/",)),
        Client(client_id=PROGRAM_CLIENT, redirect_uris=(PROGRAM_REDIRECT,)),
    )
    configured = tuple(
        Client(
            client_id=item.client_id,
            redirect_uris=item.redirect_uris,
            logout_uris=item.logout_uris,
            require_pkce=item.require_pkce,
            secret=item.secret,
        )
        for item in settings.clients
    )
    taken = {client.client_id for client in configured}
    return (*configured, *(client for client in own if client.client_id not in taken))


def clients_allowed(settings: Settings) -> frozenset[str]:
    """The client ids whose tokens are taken."""
    if settings.sign_in.clients_allowed:
        return frozenset(settings.sign_in.clients_allowed)
    if is_embedded(settings):
        return frozenset(client.client_id for client in clients(settings))
    return frozenset((settings.sign_in.client_id, *(item.client_id for item in settings.clients)))


class Places:
    """Where this house keeps its files. The folder is made with mode 0700."""

    def __init__(self, settings: Settings) -> None:
        self.root = Path(settings.data).absolute()
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"The data folder {self.root} cannot be made: {error.strerror}. Choose another with --data."
            ) from error
        self.keys = self.root / "keys"
        self.gateway_store = self.root / "gateway.db"
        self.runtime_store = self.root / "runtime.db"
        self.first_users = self.root / "first-users.json"
        self.running = self.root / "running.json"
