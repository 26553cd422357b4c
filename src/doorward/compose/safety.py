"""What start-up refuses because it is unsafe, each with the way out; and the twins that announce themselves."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from msgspec import Struct

from doorward.compose.house import PRICES
from doorward.errors import ConfigurationError
from doorward.model.secret import Secret
from doorward.model.settings import Settings
from doorward.services.budget import load_prices

_PUBLISHED = frozenset(
    {
        "changeme",
        "change-me",
        "secret",
        "password",
        "doorward",
        "test",
        "admin",
        "wjalrxutnfemi/k7mdeng/bpxrficyexamplekey",
    }
)
_SHORTEST_SECRET = 16
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Finding(Struct, frozen=True):
    """Something unsafe: a stable code and a sentence with the way out."""

    code: str
    message: str


def require_safe(settings: Settings) -> None:
    """Raise `ConfigurationError` (code ``unsafe_configuration``) that names everything unsafe at once."""
    found = list(findings(settings))
    if found:
        lines = "\n".join(f"  {finding.code}: {finding.message}" for finding in found)
        raise ConfigurationError(f"Doorward does not start like this:\n{lines}", code="unsafe_configuration")


def require_priced(settings: Settings) -> None:
    """Raise `ConfigurationError` (code ``price_unknown``) for a limit in dollars that nothing would ever reach."""
    for finding in _price(settings):
        raise ConfigurationError(finding.message, code=finding.code)


def findings(settings: Settings) -> Iterator[Finding]:
    """Everything unsafe in this configuration."""
    for rule in _RULES:
        yield from rule(settings)


def twins(settings: Settings) -> dict[str, str]:
    """The stand-ins that run under this configuration: name -> what it stands for."""
    found = {
        "store": "SQLite in place of a managed database",
        "keys": "key files in place of a key service",
        "runtime": "a process on this machine in place of a managed agent runtime",
    }
    if not settings.sign_in.issuer:
        found["sign-in"] = "the embedded sign-in in place of an OIDC provider"
    if settings.agent.model == "rehearsal":
        found["model"] = "the rehearsal model, which is no language model"
    return found


def _production_twins(settings: Settings) -> Iterator[Finding]:
    if settings.environment != "production":
        return
    for name, what in sorted(twins(settings).items()):
        if name not in settings.allow_twins_in_production:
            yield Finding(
                "twin_in_production",
                f'{what} is a twin. Replace it, or add "{name}" to allow_twins_in_production.',
            )


def _pattern(settings: Settings) -> Iterator[Finding]:
    weak = settings.pattern in ("direct", "front-door")
    if settings.environment == "production" and weak and not settings.allow_pattern_in_production:
        yield Finding(
            "pattern_in_production",
            f'pattern "{settings.pattern}" lets a user\'s token open the agent door. Use "two-doors" or '
            '"conversations", or set allow_pattern_in_production = true.',
        )


def _cors(settings: Settings) -> Iterator[Finding]:
    door = settings.front_door
    if "*" in door.allowed_origins and door.allow_credentials:
        yield Finding(
            "wildcard_cors_with_credentials",
            "front_door.allowed_origins has * while allow_credentials is true. Name the origins, or set it false.",
        )
    if settings.environment == "production" and "*" in door.allowed_hosts + settings.agent.allowed_hosts:
        yield Finding("wildcard_host", "allowed_hosts has *. Name the hosts that users and services call.")


def _sign_up(settings: Settings) -> Iterator[Finding]:
    if settings.environment == "production" and settings.sign_in.open_sign_up:
        yield Finding("open_sign_up", "sign_in.open_sign_up lets anybody in. Set it false in production.")


def _secrets(settings: Settings) -> Iterator[Finding]:
    for key, secret in _configured_secrets(settings):
        value = secret.reveal()
        if value.lower() in _PUBLISHED or len(value) < _SHORTEST_SECRET or len(set(value)) < 6:
            yield Finding(
                "default_secret",
                f"{key} is a default or too weak. Use at least {_SHORTEST_SECRET} random characters.",
            )


def _configured_secrets(settings: Settings) -> Iterator[tuple[str, Secret]]:
    if settings.sign_in.client_secret is not None:
        yield "sign_in.client_secret", settings.sign_in.client_secret
    for client in settings.clients:
        if client.secret is not None:
            yield f"clients[{client.client_id}].secret", client.secret
    for workload in settings.workloads:
        yield f"workloads[{workload.name}].secret_access_key", workload.secret_access_key


def _plain_http(settings: Settings) -> Iterator[Finding]:
    if settings.environment != "production":
        return
    for key, url in (("gateway.public_url", settings.gateway.public_url), ("sign_in.issuer", settings.sign_in.issuer)):
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            yield Finding("plain_http", f"{key} is plain http. Use https in production.")


def _price(settings: Settings) -> Iterator[Finding]:
    """INVARIANT: a limit in dollars holds: no start with a model whose calls would count as nothing (AP-LIM-02)."""
    model, budget = settings.agent.model, settings.budget
    limits = {
        "agent.turn_money": settings.agent.turn_money,
        "budget.user_money_per_day": budget.user_money_per_day,
        "budget.tenant_money_per_day": budget.tenant_money_per_day,
        "budget.total_money_per_day": budget.total_money_per_day,
        "budget.workload_money_per_day": budget.workload_money_per_day,
    }
    set_ = [key for key, dollars in limits.items() if dollars]
    if set_ and model != "rehearsal" and load_prices(PRICES).of(model) is None:
        yield Finding(
            "price_unknown",
            f"{', '.join(set_)}: the price table has no price of {model}, so that its calls would cost nothing. Limit "
            "tokens, or name a model of the table.",
        )


_RULES: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _production_twins,
    _pattern,
    _cors,
    _sign_up,
    _secrets,
    _plain_http,
    _price,
)
