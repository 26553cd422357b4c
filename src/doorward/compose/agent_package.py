"""The agent's part of what `doorward deploy aws` writes: its file, what it imports beside it, and requirements.

An agent that would not start on the other machine is refused here, as far as that can be seen from this one.
"""

import re
import shutil
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from msgspec import Struct

from doorward.compose.agent_imports import Imports, imports_of
from doorward.compose.deploy_folder import is_made
from doorward.errors import ConfigurationError

# Packages of requirements that a part needs; their bounds are those of this distribution.
_EVERY = ("aiohttp", "langchain", "langchain-openai", "langgraph", "msgspec", "structlog", "uvicorn", "uvloop")
_ON_AWS = ("langchain-aws>=1.1", "langgraph-checkpoint-aws>=1.0.4")
_WHERE_IMPORTED = {"bedrock_agentcore": "bedrock-agentcore"}
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?\s*(?:$|[<>=!~;@(])")
_CARRIED_OPTIONS = ("-i ", "--index-url", "--extra-index-url", "--pre", "--prefer-binary")
_LEFT = {"__pycache__", "doorward.toml"}


class AgentPackage(Struct, frozen=True, kw_only=True):
    """`files` and folders to copy, `requirements` as lines, and what is imported but `unseen`: it is not installed on
    this machine and no requirement has its name, so that nobody can say here whether it will be there."""

    files: tuple[Path, ...]
    requirements: tuple[str, ...]
    unseen: tuple[str, ...] = ()


def agent_package(agent: Path) -> AgentPackage:
    """What has to go along with the file `agent`.

    Raises `ConfigurationError` (``agent_not_packable``) when it imports what is installed here and no requirement
    brings, and for a line of ``requirements.txt`` that means something on this machine alone.
    """
    found = imports_of(agent)
    given = _given(agent.with_name("requirements.txt"))
    where = tuple(name for imported, name in _WHERE_IMPORTED.items() if imported in found.foreign)
    lines = (*own_requirements((*_EVERY, *where)), *_ON_AWS, *given)
    return AgentPackage(
        files=tuple(sorted(found.neighbours)), requirements=lines, unseen=tuple(_unseen(found, lines, agent))
    )


def copy_agent(package: AgentPackage, target: Path) -> None:
    """Into `target`, as they lie here. Of folders all but what is hidden, compiled, or made by `doorward deploy`."""
    target.mkdir()
    for path in package.files:
        if path.is_dir():
            shutil.copytree(path, target / path.name, ignore=_ignored)
        else:
            shutil.copyfile(path, target / path.name)


def own_requirements(names: Iterable[str]) -> list[str]:
    """The lines with which this distribution itself requires `names`."""
    ours = {_project(line): line.partition(";")[0].strip() for line in requires("doorward") or []}
    missing = [name for name in names if name not in ours]
    if missing:
        raise ConfigurationError(f"This distribution does not say which {', '.join(missing)} it needs.")
    return [ours[name] for name in names]


def _ignored(where: str, names: list[str]) -> set[str]:
    return {name for name in names if name.startswith(".") or name in _LEFT or is_made(Path(where) / name)}


def _given(file: Path) -> list[str]:
    """The lines of the agent's own list, but for this distribution, whose code goes along as it is."""
    if not file.is_file():
        return []
    try:
        text = file.read_text(encoding="utf-8").replace("\\\n", " ")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}.", code="agent_not_packable") from error
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()]
    for line in lines:
        if line and not _portable(line):
            raise ConfigurationError(
                f"{file} says {line!r}, which means something on this machine alone or binds what is not named there; "
                "what goes to AWS is a name with versions on each line.",
                code="agent_not_packable",
            )
    return [line for line in lines if line and _project(line) != "doorward"]


def _portable(line: str) -> bool:
    if line.startswith("-"):
        return line.startswith(_CARRIED_OPTIONS)
    return _REQUIREMENT.match(line) is not None and " --" not in line and "file:" not in line


def _unseen(found: Imports, lines: tuple[str, ...], agent: Path) -> list[str]:
    installed = packages_distributions()
    brought = _closure(lines) | {"doorward"}
    unseen: list[str] = []
    for name in sorted(found.foreign.keys() - brought):
        owners = {_canonical(owner) for owner in installed.get(name, ())}
        if owners & brought or _canonical(name) in brought or name not in found.wanted:
            continue
        if owners:
            raise ConfigurationError(
                f"{found.foreign[name]} imports {name}, and nothing would bring it on AWS: "
                f"write {min(owners)} into {agent.with_name('requirements.txt')}.",
                code="agent_not_packable",
            )
        unseen.append(name)
    return unseen


def _closure(lines: Iterable[str]) -> set[str]:
    """The distributions that these requirements bring, as far as they are installed here to be asked."""
    brought: set[str] = set()
    todo = list(lines)
    while todo:
        line = todo.pop()
        name, extras = _project(line), _extras(line)
        if not name or (name in brought and not extras):
            continue
        brought.add(name)
        for each in _required_by(name):
            _, _, marker = each.partition(";")
            extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker)
            if (extra is None or _canonical(extra[1]) in extras) and _project(each) != name:
                todo.append(each)
    return brought


def _required_by(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def _project(line: str) -> str:
    matched = _REQUIREMENT.match(line)
    return _canonical(matched[1]) if matched else ""


def _extras(line: str) -> set[str]:
    matched = _REQUIREMENT.match(line)
    return {_canonical(extra.strip()) for extra in matched[2].split(",")} if matched and matched[2] else set()


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
