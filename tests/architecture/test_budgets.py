"""The shape of the house, held by a machine: sizes, imports inside functions, who reads the environment."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "doorward"
FILES = sorted(SOURCE.rglob("*.py"))

# An exception is a name and a reason.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
MANY_PARAMETERS: dict[str, str] = {}
# Heavy optional parts that load only when they are used.
LAZY_IMPORTS: dict[str, str] = {}
BROAD_HANDLERS = {
    "front_door/answer.py": "the edge of the gateway process, when a stream fails half-way",
    "front_door/door.py": "the edge of the gateway process: nothing internal may leave",
    "http/lambda_runtime.py": "the edge of a function's process: Lambda is told, and nothing internal may leave",
    "probe/runner.py": "one broken attack must not take the others with it",
    "runtime/worker/langgraph.py": "the agent's own code runs here",
    "runtime/worker/zygote.py": "a forked process must not go on as its parent",
    "runtime/worker/guarded_model.py": "a provider's client runs here, and may raise anything",
    "runtime/worker/serve.py": "the edge of the worker process, around the agent's own code",
    "runtime/worker/load.py": "the agent's file is imported here",
    "stores/sqlite/writer.py": "one write of a batch must not take the others with it",
}


def _name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_file_stays_within_400_lines(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 400 or _name(path) in LONG_FILES


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_a_function_stays_within_50_lines_and_5_parameters(path: Path) -> None:
    for function in _functions(_tree(path)):
        name = f"{_name(path)}:{function.name}"
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        assert lines <= 50 or name in LONG_FUNCTIONS, name
        arguments = function.args
        named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        count = len([argument for argument in named if argument.arg not in ("self", "cls")])
        assert count <= 5 or name in MANY_PARAMETERS, name


def _depth(node: ast.AST, level: int = 0) -> int:
    nests = isinstance(
        node, ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try | ast.Match
    )
    children = [_depth(child, level + nests) for child in ast.iter_child_nodes(node)]
    return max([level + nests, *children])


def _without_chains(tree: ast.Module) -> ast.Module:
    """``elif`` is not nesting: it reads as one level."""

    class Flatten(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST:
            self.generic_visit(node)
            if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
                inner = node.orelse[0]
                node.body = [*node.body, *inner.body]
                node.orelse = inner.orelse
            return node

    return ast.fix_missing_locations(Flatten().visit(tree))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_nesting_stays_within_4(path: Path) -> None:
    for function in _functions(_without_chains(_tree(path))):
        assert max((_depth(child) for child in function.body), default=0) <= 4, f"{_name(path)}:{function.name}"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_no_import_inside_a_function_but_the_named_ones(path: Path) -> None:
    for function in _functions(_tree(path)):
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert _name(path) in LAZY_IMPORTS, f"{_name(path)}:{function.name}"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_only_the_process_edges_catch_every_exception(path: Path) -> None:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node):
            assert _name(path) in BROAD_HANDLERS, f"{_name(path)}:{node.lineno}"


def _is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether it catches everything. One that ends in a bare raise only cleans up."""
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException")
    )


def test_only_the_settings_read_the_environment() -> None:
    readers = set()
    for path in FILES:
        nodes = list(ast.walk(_tree(path)))
        # A session is told where its home is: that is written, in its own process, and nothing is read.
        written = {
            id(node.value) for node in nodes if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
        }
        for node in nodes:
            named = isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
            if named and id(node) not in written:
                readers.add(_name(path))
    assert readers == {"compose/settings.py"}


def test_no_drawer_folders_and_no_re_exports() -> None:
    drawers = {"utils", "util", "common", "shared", "helpers", "core", "misc"}
    assert not [path for path in SOURCE.rglob("*") if path.is_dir() and path.name in drawers]
    for path in SOURCE.rglob("__init__.py"):
        imports = [node for node in _tree(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not imports, _name(path)


@pytest.mark.parametrize("path", sorted((SOURCE / "ports").glob("*.py")), ids=_name)
def test_a_port_has_at_most_six_methods_and_says_how_it_fails(path: Path) -> None:
    for node in _tree(path).body:
        if isinstance(node, ast.ClassDef) and any(isinstance(b, ast.Name) and b.id == "Protocol" for b in node.bases):
            methods = [item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)]
            assert len(methods) <= 6, node.name
            assert ast.get_docstring(node), node.name
