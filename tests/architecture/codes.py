"""Finds every stable code that the source can say, by its syntax trees. `test_docs.py` holds errors.md to it.

A code is a string literal that is given to a parameter, a field or a name called `code` (or the `error` of OAuth, or
the `reason` of an OAuth error, which is the code in the ledger), by keyword or by position. The reason of an `Allow`,
the code of an entry that allows and fields of log lines are not errors and are left out.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

CODE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
NAMED = frozenset({"code", "error_code"})
OAUTH = frozenset({"error", "reason"})
# Rooms whose `error` and `reason` are codes of OAuth; elsewhere these words name something else.
OAUTH_ROOMS = ("sign_in", "front_door/authenticate.py")
# Maps whose keys, or values, are codes.
TABLES = {"SENTENCES": "keys", "_REFUSALS": "values"}
NO_ERRORS = frozenset({"Allow", "allow", "debug", "info", "warning", "error", "critical"})


def codes_in(source: Path) -> dict[str, set[str]]:
    """Every code below `source`, with the files that say it."""
    trees = {path.relative_to(source).as_posix(): ast.parse(path.read_bytes()) for path in source.rglob("*.py")}
    signatures = _signatures(trees.values())
    found: dict[str, set[str]] = {}
    for name, tree in trees.items():
        words = NAMED | OAUTH if name.startswith(OAUTH_ROOMS) else NAMED
        for node in ast.walk(tree):
            for code in _codes_of(node, words, signatures):
                if CODE.fullmatch(code):
                    found.setdefault(code, set()).add(name)
    return found


def _codes_of(node: ast.AST, words: frozenset[str], signatures: dict[str, list[list[str]]]) -> Iterator[str]:
    if isinstance(node, ast.Call):
        yield from _given(node, words, signatures)
    elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for name in (getattr(target, "id", getattr(target, "attr", "")) for target in targets):
            if name in NAMED:
                yield from _literals(node.value)
            if name in TABLES and isinstance(node.value, ast.Dict):
                for literal in getattr(node.value, TABLES[name]):
                    yield from _literals(literal)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in NAMED:
                yield from _literals(value)


def _given(call: ast.Call, words: frozenset[str], signatures: dict[str, list[list[str]]]) -> Iterator[str]:
    """The codes that a call gives to parameters or fields of these names."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    verdict = given.get("verdict")
    if name in NO_ERRORS or (isinstance(verdict, ast.Constant) and verdict.value == "allow"):
        return
    for word in words & given.keys():
        yield from _literals(given[word])
    for parameters in signatures.get(name, []):
        for parameter, value in zip(parameters, call.args, strict=False):
            if parameter in words:
                yield from _literals(value)


def _signatures(trees: Iterable[ast.Module]) -> dict[str, list[list[str]]]:
    """The positional parameters of every function, and the constructor's or the fields of every class, by name."""
    found: dict[str, list[list[str]]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(_fields(node))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names = [parameter.arg for parameter in node.args.args]
                found.setdefault(node.name, []).append(names[1:] if names[:1] == ["self"] else names)
    return found


def _fields(node: ast.ClassDef) -> list[str]:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return [parameter.arg for parameter in item.args.args[1:]]
    return [
        item.target.id for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    ]


def _literals(value: ast.expr | None) -> Iterator[str]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from _literals(value.body)
        yield from _literals(value.orelse)
    elif isinstance(value, ast.BoolOp):
        for part in value.values:
            yield from _literals(part)
