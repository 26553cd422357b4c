"""What an agent's file imports, read from its syntax tree and those of its neighbours; nothing of it is run.

`agent_package` calls it to know what goes along to another machine. A neighbour is a module or package beside the file,
found as Python finds it when the file is run directly.
"""

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from msgspec import Struct

from doorward.errors import ConfigurationError

_ABSENCE = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


class Imports(Struct, frozen=True, kw_only=True):
    """`neighbours` are files and folders beside the agent. `foreign` are top-level names that come from elsewhere, each
    with the file that imports it; `wanted` are those of them without which the agent does not start."""

    neighbours: frozenset[Path]
    foreign: dict[str, Path]
    wanted: frozenset[str]


def imports_of(agent: Path) -> Imports:
    """Follow the imports of `agent`. Raises `ConfigurationError` (``agent_not_packable``) for what is not Python."""
    root = agent.parent
    seen: dict[Path, bool] = {}
    neighbours, foreign, wanted = {agent}, dict[str, Path](), set[str]()
    todo = [(agent, True)]
    while todo:
        file, needed = todo.pop()
        if seen.get(file, False) or (file in seen and not needed):
            continue
        seen[file] = needed
        for name, outright in _imported(file, root):
            top = name.partition(".")[0]
            neighbour = _neighbour(root, top)
            if neighbour is not None:
                neighbours.add(neighbour)
                todo += [(found, needed and outright) for found in _run_for(root, name)]
            elif top not in sys.stdlib_module_names:
                foreign.setdefault(top, file)
                wanted |= {top} if needed and outright else set()
    return Imports(neighbours=frozenset(neighbours), foreign=foreign, wanted=frozenset(wanted))


def _neighbour(root: Path, top: str) -> Path | None:
    """As Python looks: a package, a module, and last a folder without ``__init__.py``, which installed ones precede."""
    package, module = root / top, root / f"{top}.py"
    if (package / "__init__.py").is_file():
        return package
    if module.is_file():
        return module
    if top in sys.stdlib_module_names or not package.is_dir() or not any(package.rglob("*.py")):
        return None
    return None if top in packages_distributions() else package


def _run_for(root: Path, name: str) -> Iterator[Path]:
    """The files that Python runs to import `name`, from the top; the last parts of it may be names in a module."""
    place = root
    for part in name.split("."):
        package, module = place / part / "__init__.py", place / f"{part}.py"
        if package.is_file():
            yield package
        elif module.is_file():
            yield module
            return
        elif not (place / part).is_dir():
            return
        place = place / part


def _imported(file: Path, root: Path) -> Iterator[tuple[str, bool]]:
    """Dotted names, and whether the file fails without them."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise ConfigurationError(f"{file} cannot be read as Python: {error}.", code="agent_not_packable") from error
    within = file.parent.relative_to(root).parts
    for node, outright in _statements(tree, outright=True):
        if isinstance(node, ast.Import):
            yield from ((alias.name, outright) for alias in node.names)
        else:
            base = within[: len(within) - node.level + 1] if node.level else ()
            module = [*base, *([node.module] if node.module else [])]
            yield from ((".".join([*module, alias.name]), outright) for alias in node.names if alias.name != "*")
            yield from ((".".join(module), outright) for alias in node.names if alias.name == "*")


def _statements(node: ast.AST, *, outright: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Imports that run when the module does, and those that may never run or may fail."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, outright
        else:
            yield from _statements(child, outright=outright and not _may_do_without(child))


def _may_do_without(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return True
    if isinstance(node, ast.If):  # a condition, such as TYPE_CHECKING or a version, may be false there
        return True
    return isinstance(node, ast.Try) and any(_takes_absence(handler) for handler in node.handlers)


def _takes_absence(handler: ast.ExceptHandler) -> bool:
    names = {name.id for name in ast.walk(handler.type) if isinstance(name, ast.Name)} if handler.type else _ABSENCE
    return bool(names & _ABSENCE)
