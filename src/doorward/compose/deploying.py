"""`doorward deploy aws`: what the templates are made from, and a folder with all that two commands need."""

import json
import shutil
from pathlib import Path
from string import Template
from typing import Any, cast

import msgspec
from msgspec import Struct

from doorward.compose.agent_package import AgentPackage, agent_package, copy_agent, own_requirements
from doorward.compose.deploy_folder import replace_folder
from doorward.compose.deployed_settings import left_behind, require_deployable, variables
from doorward.compose.function_routes import (
    chat_function_routes,
    conversations_function_routes,
    relay_function_routes,
)
from doorward.deploy.aws.artifacts import artifacts
from doorward.deploy.aws.edge import INSPECTED_BYTES, looser
from doorward.deploy.aws.functions import LONGEST_TURN
from doorward.deploy.aws.patterns import template
from doorward.deploy.aws.plan import ApiRoute, Limits, Plan
from doorward.deploy.aws.template import Map
from doorward.deploy.document import to_yaml
from doorward.model.settings import Pattern, Settings
from doorward.runtime.agent_file import AgentFile, agent_file

PACKAGE = Path(__file__).parents[1]
FILES = PACKAGE / "deploy" / "aws" / "files"
# What the functions require; the bounds are those of this distribution.
_FUNCTIONS = ("botocore", "cryptography", "httptools", "joserfc", "msgspec", "prometheus-client", "structlog")
_NOT_IN_FUNCTIONS = ("cli", "deploy", "probe", "runtime", "sign_in", "web")
_NOT_IN_AGENT = ("cli", "deploy", "front_door", "probe", "sign_in", "stores", "web")
_ABOUT = {
    "direct": "A user pool, and the agent on AgentCore Runtime, which checks the user's token itself. There is no "
    "place for limits: an anti-pattern, kept to be seen and attacked.",
    "front-door": "Before the agent stand WAF and API Gateway; the same token opens both, so the agent can be called "
    "around them: a gap, kept to be seen and attacked.",
    "two-doors": "Behind WAF and API Gateway a chat function calls the agent with its own role, and nobody else can.",
    "conversations": "As two-doors, with conversations in DynamoDB, checkpoints in AgentCore Memory, history that "
    "cannot reach the agent, a page, alarms and a budget.",
}


def plan_of(settings: Settings, pattern: Pattern) -> Plan:
    """What the settings mean on AWS. Where `chat.memory` names a memory here, the stack makes one of its own."""
    settings = msgspec.structs.replace(settings, pattern=pattern)
    routes = _routes(settings)
    front = settings.front_door
    body = min(front.max_body_bytes, INSPECTED_BYTES)
    return Plan(
        pattern=pattern,
        agent=settings.agent.name.replace("-", "_"),
        model=settings.agent.model,
        turn_seconds=int(min(settings.agent.turn_timeout, LONGEST_TURN)),
        limits=Limits(
            address_requests=front.address_requests,
            address_window=front.address_window,
            body_bytes=body,
            message_characters=front.max_message_characters,
        ),
        routes=routes,
        environment=variables(settings, body),
        texts=bool(settings.chat.memory) and pattern == "conversations",
    )


class Written(Struct, frozen=True, kw_only=True):
    """The templates' paths, the names that the agent imports and that may not be there (`AgentPackage.unseen`), and
    sentences about what of the settings does not hold there."""

    templates: list[Path]
    unseen: tuple[str, ...]
    notes: list[str]


def write(settings: Settings, pattern: Pattern, out: Path) -> Written:
    """Write all of it into `out`, as `replace_folder` does.

    Raises `ConfigurationError` as `require_deployable`, `agent_package` and `replace_folder`, and when there is no
    agent's file.
    """
    settings = msgspec.structs.replace(settings, pattern=pattern)
    require_deployable(settings)
    plan = plan_of(settings, pattern)
    source = agent_file(settings.agent.file)
    package = agent_package(source.path)
    templates = {"template.yaml": template(plan), "artifacts.yaml": artifacts()}

    def make(folder: Path) -> None:
        for name, made in templates.items():
            (folder / name).write_text(to_yaml(made), encoding="utf-8")
        _write_agent(source, package, folder / "agent")
        _write_parts(plan, folder)
        (folder / "README.md").write_text(_guide(plan, templates["template.yaml"]), encoding="utf-8")

    replace_folder(out, make)
    notes = [*left_behind(settings, plan.limits.body_bytes), *looser(plan)]
    return Written(templates=[out / name for name in templates], unseen=package.unseen, notes=notes)


def _write_agent(source: AgentFile, package: AgentPackage, agent: Path) -> None:
    agent.mkdir()
    copy_agent(package, agent / "source")
    entry = Template((FILES / "main.py.template").read_text(encoding="utf-8"))
    main = entry.substitute(file=json.dumps(source.path.name), attribute=source.attribute)
    (agent / "main.py").write_text(main, encoding="utf-8")
    shutil.copyfile(FILES / "Containerfile", agent / "Containerfile")
    _copy_package(agent, _NOT_IN_AGENT)
    (agent / "requirements.txt").write_text("\n".join(package.requirements) + "\n", encoding="utf-8")


def _write_parts(plan: Plan, out: Path) -> None:
    for name in ("build.sh", "deploy.sh", "remove.sh"):
        shutil.copyfile(FILES / name, out / name)
    shutil.copyfile(FILES / "pack.py.template", out / "pack.py")
    if plan.signed:
        functions = out / "functions"
        functions.mkdir()
        shutil.copyfile(FILES / "bootstrap", functions / "bootstrap")
        _copy_package(functions, _NOT_IN_FUNCTIONS)
        (functions / "requirements.txt").write_text("\n".join(own_requirements(_FUNCTIONS)) + "\n", encoding="utf-8")
    if plan.remembers:
        shutil.copytree(PACKAGE / "web", out / "page")
        shutil.copyfile(FILES / "page_config.py.template", out / "page_config.py")
        (out / "page-config.json").write_bytes(msgspec.json.format(msgspec.json.encode(_page_config(plan))) + b"\n")


def _copy_package(folder: Path, left_out: tuple[str, ...]) -> None:
    """This very code, so that what is deployed is what was tried."""
    rooms = {str(PACKAGE / name) for name in left_out}

    def ignored(where: str, names: list[str]) -> set[str]:
        return {name for name in names if name == "__pycache__" or str(Path(where) / name) in rooms}

    shutil.copytree(PACKAGE, folder / "doorward", ignore=ignored)


def _page_config(plan: Plan) -> dict[str, Any]:
    """As ``/page-config.json`` of the house, with where to call and where to sign in; ``@NAME@`` is an output."""
    return {
        "pattern": plan.pattern,
        "model": plan.model,
        "rehearsal": plan.model == "rehearsal",
        "max_message_characters": plan.limits.message_characters,
        "on_busy": plan.environment.get("DOORWARD_CHAT_ON_BUSY", "reject"),
        "console": False,
        "direct": None,
        "api": "@ApiUrl@",
        "sign_in": {
            "issuer": "@Issuer@",
            "authorize_endpoint": "@SignIn@/oauth2/authorize",
            "token_endpoint": "@SignIn@/oauth2/token",
            "end_session_endpoint": "@SignIn@/logout",
            "client_id": "@ClientId@",
            "scope": "openid email profile doorward/chat",
        },
    }


def _guide(plan: Plan, made: Map) -> str:
    parameters = cast("dict[str, dict[str, Any]]", made["Parameters"])
    by_script = {"ArtifactBucket", "AgentKey", "FunctionKey", "AlarmEmail"}
    rows = [
        f"| `{name}` | {_default(said)} | {said['Description']} |"
        for name, said in parameters.items()
        if name not in by_script
    ]
    address = {"direct": "AgentArn", "conversations": "PageUrl"}.get(plan.pattern, "ApiUrl")
    return Template((FILES / "guide.md").read_text(encoding="utf-8")).substitute(
        pattern=plan.pattern,
        about=_ABOUT[plan.pattern],
        parameters="".join(f" {name}={example}" for name, example in _EXAMPLES.items() if _needed(parameters, name)),
        table="\n".join(rows),
        address=address,
        kept=_kept(plan),
    )


_EXAMPLES = {"PageOrigin": "https://chat.example.com", "ModelArns": "ARN,ARN"}


def _needed(parameters: dict[str, dict[str, Any]], name: str) -> bool:
    return name in parameters and "Default" not in parameters[name]


def _kept(plan: Plan) -> str:
    if plan.remembers:
        return "The user pool, the table and the memories stay"
    return "The user pool and the table stay" if plan.signed else "The user pool stays"


def _default(parameter: dict[str, Any]) -> str:
    given = parameter.get("Default")
    return "needed" if given is None else "empty" if given == "" else str(given)


def _routes(settings: Settings) -> tuple[ApiRoute, ...]:
    """The API of the pattern. Nobody calls these routes: only what they are is read from them."""
    nobody = cast("Any", None)
    if settings.pattern == "front-door":
        return (ApiRoute(method="POST", path="/chat", function="Agent"),)
    if settings.pattern == "two-doors":
        served = {"Chat": relay_function_routes(settings, nobody)}
    elif settings.pattern == "conversations":
        served = {
            "Chat": chat_function_routes(settings, nobody),
            "Conversations": conversations_function_routes(settings, nobody, nobody),
        }
    else:
        served = {}
    return tuple(
        ApiRoute(method=route.method, path=route.path, function=name)
        for name, routes in served.items()
        for route in routes
    )
