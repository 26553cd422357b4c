"""What each setting means on AWS: it goes along as a variable, the template is made from it, it is refused, or it does
not go along, which is said. None is dropped without a word."""

from typing import cast

import msgspec

from doorward.compose.safety import require_priced
from doorward.compose.settings import known_keys, variable_of
from doorward.deploy.aws.functions import LONGEST_TURN, RELAY_SECONDS
from doorward.deploy.aws.plan import on_bedrock
from doorward.errors import ConfigurationError
from doorward.model.settings import Settings

# Lambda takes 4,096 bytes of variables for a function; what the template says itself is below 1,600.
MOST_BYTES = 2400
_WITH_FUNCTIONS = ("two-doors", "conversations")
# These go along, but for what is named below.
_TO_FUNCTIONS = (
    "agent.",
    "budget.",
    "chat.",
    "front_door.",
    "functions.answer_within",
    "functions.poll",
    "sign_in.role_claim",
    "sign_in.tenant_claim",
    "telemetry.log_level",
)
# Without functions, only what holds where the agent runs.
_TO_AGENT = ("agent.model", "agent.name", "agent.tool_", "agent.turn_steps", "telemetry.log_level")
# The template is made from these, or says them itself, and nothing of what they mean here is lost.
_TEMPLATE = (
    "agent.arn",
    "agent.file",
    "allow_pattern_in_production",
    "allow_twins_in_production",
    "data",
    "environment",
    "functions.api",
    "functions.table",
    "functions.turns",
    "pattern",
    "telemetry.log_format",
)
_BODY = "front_door.max_body_bytes"
_TURN = "agent.turn_timeout"
_EDGE = (_BODY, "front_door.address_requests", "front_door.address_window", "front_door.max_message_characters")
_TEMPLATE_OF = {
    "direct": (),
    "front-door": _EDGE,
    "two-doors": (_TURN, *_EDGE),
    "conversations": (_TURN, *_EDGE, "chat.memory", "chat.names"),
}
# Nothing on AWS holds them, and whoever set one counts on it; in `direct` and `front-door` the rest of them too.
_NOWHERE = ("agent.model_breaker_", "front_door.waiting_requests")
_LIMITS = (
    *_NOWHERE,
    "agent.max_response_bytes",
    "agent.stall_timeout",
    "agent.turn_",
    "budget.total_",
    "budget.tenant_",
    "budget.user_",
    "front_door.address_",
    "front_door.concurrent_turns",
    "front_door.max_",
    "front_door.open_streams",
    "front_door.user_",
)
# Of the sections that go along: what is about this machine, or what AWS has its own of.
_OF_THIS_MACHINE = {
    "agent.account",
    "agent.allowed_hosts",
    "agent.host",
    "agent.isolation",
    "agent.max_payload_bytes",
    "agent.memory",
    "agent.memory_requests",
    "agent.network",
    "agent.operator_port",
    "agent.pass_environment",
    "agent.port",
    "agent.region",
    "agent.sessions",
    "agent.skew",
    "agent.url",
    "budget.reserve_name_tokens",
    "budget.workload_money_per_day",
    "budget.workload_tokens_per_day",
    "chat.adopt_within",
    "chat.memory",
    "chat.names",
    "front_door.allow_credentials",
    "front_door.allowed_hosts",
    "front_door.allowed_origins",
    "front_door.body_timeout",
    "front_door.cognito_compatible",
    "front_door.header_timeout",
    "front_door.idle_timeout",
    "front_door.trusted_proxies",
}
_SESSIONS = "agent.session_"


def require_deployable(settings: Settings) -> None:
    """Raise `ConfigurationError`: ``not_on_aws`` for what the stack could not hold, or ``price_unknown``."""
    model = settings.agent.model
    require_priced(settings)
    if settings.agent.model_url or not (model == "rehearsal" or on_bedrock(model)):
        where = f"at {settings.agent.model_url}" if settings.agent.model_url else "with a key of its provider"
        raise _refused(
            f"The model {model} is called {where}, and no secret goes along. Set agent.model to one of Bedrock."
        )
    if settings.agent.network == "none":
        raise _refused('agent.network = "none" does not hold on AgentCore Runtime, whose sessions reach the internet.')
    if settings.pattern in _WITH_FUNCTIONS and settings.functions.answer_within > RELAY_SECONDS:
        raise _refused(f"functions.answer_within is over {RELAY_SECONDS} s: the API waits for 60 s and not longer.")
    if settings.pattern == "conversations" and settings.chat.on_busy == "interrupt":
        raise _refused('chat.on_busy = "interrupt" is not done by functions: a turn there is cancelled by its reader.')


def variables(settings: Settings, body: int) -> dict[str, str]:
    """The settings that are not the default, as the variables of the functions and of the agent. `body` is the most
    bytes of a request's body there. Secrets and lists of tables never go along.

    Raises `ConfigurationError` (``not_on_aws``) for values that are more than a function takes, or that CloudFormation
    would read.
    """
    given = {"chat.names": "first-message", _BODY: str(body)}
    if settings.pattern in _WITH_FUNCTIONS:
        given[_TURN] = _text(min(settings.agent.turn_timeout, LONGEST_TURN))
    if settings.pattern == "two-doors":
        given["functions.answer_within"] = str(RELAY_SECONDS)
    for key, value in _changed(settings):
        if key not in (_TURN, _BODY) and _goes_along(key, settings):
            given[key] = _text(value)
    for key, value in given.items():
        if "${" in value:
            raise _refused(f"{key} has ${{ in it, which CloudFormation would read.")
    made = {variable_of(key): value for key, value in sorted(given.items())}
    if sum(len(name) + len(value.encode()) for name, value in made.items()) > MOST_BYTES:
        raise _refused(f"The settings that are not the default are over {MOST_BYTES} bytes: Lambda takes no more.")
    return made


def left_behind(settings: Settings, body: int) -> list[str]:
    """A sentence for each kind of setting that is not the default and does not go along, or not as it is."""
    changed = [key for key, _ in _changed(settings)]
    keys = [key for key in changed if not _goes_along(key, settings) and not _in_template(key, settings)]
    keys += [name for name in ("clients", "memories", "workloads") if getattr(settings, name)]
    unheld = [key for key in keys if key.startswith(_LIMITS)]
    others = [key for key in keys if key not in unheld]
    said = []
    if unheld:
        said.append(f"NOT HELD: nothing in {settings.pattern} on AWS holds {', '.join(unheld)}.")
    if others:
        said.append(f"Not on AWS, where the stack has its own or needs none: {', '.join(others)}.")
    return said + _shortened(settings, changed, body)


def _shortened(settings: Settings, changed: list[str], body: int) -> list[str]:
    said = []
    longest = RELAY_SECONDS if settings.pattern == "two-doors" else LONGEST_TURN
    if _TURN in changed and settings.pattern in _WITH_FUNCTIONS and settings.agent.turn_timeout > longest:
        said.append(f"A turn takes {longest} s at most there, whatever {_TURN} says.")
    if _BODY in changed and settings.pattern != "direct" and settings.front_door.max_body_bytes > body:
        said.append(f"The body of a request is {body} bytes at most there, whatever {_BODY} says.")
    return said


def _goes_along(key: str, settings: Settings) -> bool:
    carried = _TO_FUNCTIONS if settings.pattern in _WITH_FUNCTIONS else _TO_AGENT
    if key in _TEMPLATE or key in _OF_THIS_MACHINE or key.startswith((_SESSIONS, *_NOWHERE)):
        return False
    return key.startswith(carried)


def _in_template(key: str, settings: Settings) -> bool:
    return key in _TEMPLATE or key in _TEMPLATE_OF[settings.pattern]


def _changed(settings: Settings) -> list[tuple[str, object]]:
    tree, defaults = (msgspec.to_builtins(each, enc_hook=str) for each in (settings, Settings()))
    keys = [key for key, _ in known_keys() if "[]" not in key]
    return [(key, _at(tree, key)) for key in keys if _at(tree, key) != _at(defaults, key)]


def _at(tree: object, key: str) -> object:
    for part in key.split("."):
        tree = cast("dict[str, object]", tree)[part]
    return tree


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refused(sentence: str) -> ConfigurationError:
    return ConfigurationError(sentence, code="not_on_aws")
