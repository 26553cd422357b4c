"""The functions on AWS: how long their modules take to import from the package that is deployed, each in a process of
its own. The package is made of what is installed here, and packed as `build.sh` does; there nothing can be written."""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from bench.plan import Plan
from bench.report import Row, median

FUNCTIONS = ("chat", "turns", "conversations", "relay")
TIMES = 7
NOT_THIS = "0.0"  # no Python is of this version, so that nothing is compiled


def rows(plan: Plan) -> Iterator[Row]:
    """Two for each function: from the package as it is built with the Python that runs it, and with another one."""
    del plan
    with tempfile.TemporaryDirectory(prefix="doorward-functions-") as name:
        compiled, plain = _unpacked(Path(name))
        for function in FUNCTIONS:
            shown, other = (median(_import(function, folder) for _ in range(TIMES)) for folder in (compiled, plain))
            yield Row(
                name=f"import of the function `{function}` from its package",
                ours=f"{shown * 1e3:.0f} ms; packed by another Python, not compiled: {other * 1e3:.0f} ms",
                target="at most 250 ms",
                met=shown <= 0.25,
            )


def _unpacked(folder: Path) -> tuple[Path, Path]:
    """The package, compiled and not."""
    made = folder / "made"
    command = [sys.executable, "-m", "doorward", "deploy", "aws", "--pattern", "conversations", "--out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    functions = made / "functions"
    for each in _needed((functions / "requirements.txt").read_text(encoding="utf-8").splitlines()):
        _copy(each, functions)
    own = "{}.{}".format(*sys.version_info)
    return _packed(made, own, folder / "compiled"), _packed(made, NOT_THIS, folder / "plain")


def _packed(made: Path, version: str, target: Path) -> Path:
    pack = [sys.executable, str(made / "pack.py"), str(made / "functions"), version]
    said = subprocess.run(pack, check=True, capture_output=True, text=True).stdout
    with zipfile.ZipFile(said.strip()) as archive:
        archive.extractall(target)
    return target


def _needed(requirements: list[str]) -> list[Distribution]:
    found: dict[str, Distribution] = {}
    waiting = [Requirement(line) for line in requirements]
    while waiting:
        requirement = waiting.pop()
        if requirement.name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found[requirement.name] = distribution(requirement.name)
        waiting += [Requirement(line) for line in found[requirement.name].requires or ()]
    return list(found.values())


def _copy(installed: Distribution, target: Path) -> None:
    for file in installed.files or ():
        if ".." in file.parts or "__pycache__" in file.parts:
            continue
        place = target / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(Path(str(installed.locate_file(file))).read_bytes())


def _import(name: str, package: Path) -> float:
    code = (
        f"import sys, time; sys.path.insert(0, {str(package)!r}); began = time.perf_counter(); "
        f"import doorward.compose.lambda_{name}; print(time.perf_counter() - began)"
    )
    # Nothing but the package and the standard library, and no module is written.
    command = [sys.executable, "-I", "-S", "-B", "-c", code]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
