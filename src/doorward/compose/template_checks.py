"""`doorward deploy aws --check`: the templates as tools see them that were not written here. All work offline."""

import asyncio
import shutil
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

from doorward.errors import ConfigurationError

_REGION = "us-east-1"
# It has no ``__main__``, and its script may not be on the PATH.
_CFN_LINT = "import sys; from cfnlint.runner import main; sys.exit(main())"


class Checked(Struct, frozen=True, kw_only=True):
    """What a tool said of the templates, or of the one `template`. `clean` is None when the tool is not installed."""

    tool: str
    clean: bool | None
    template: str = ""
    output: str = ""


async def check_templates(templates: Sequence[Path]) -> list[Checked]:
    """Ask cfn-lint, and SAM and checkov where they are on the PATH.

    Raises `ConfigurationError` (``check_not_installed``) without cfn-lint: unchecked must not look like clean.
    """
    if find_spec("cfnlint") is None:
        raise ConfigurationError(
            "cfn-lint is not installed: pip install 'doorward[deploy]'.", code="check_not_installed"
        )
    names = [str(template) for template in templates]
    found = [await _asked("cfn-lint", [sys.executable, "-c", _CFN_LINT, "--regions", _REGION, "--", *names])]
    sam = shutil.which("sam")
    if sam is None:
        found.append(Checked(tool="sam validate", clean=None))
    else:
        found += [
            await _asked("sam validate", [sam, "validate", "--lint", "--region", _REGION, "--template", name], name)
            for name in names
        ]
    checkov = shutil.which("checkov")
    if checkov is None:
        found.append(Checked(tool="checkov", clean=None))
    else:
        options = ["--framework", "cloudformation", "--compact", "--quiet", "--skip-download"]
        files = [part for name in names for part in ("--file", name)]
        found.append(await _asked("checkov", [checkov, *options, *files]))
    return found


def verdict(found: Sequence[Checked]) -> str:
    """One line for the end: which tools were asked and whether they found anything, and which were not asked."""
    asked = dict.fromkeys(each.tool for each in found if each.clean is not None)
    absent = dict.fromkeys(each.tool for each in found if each.clean is None)
    bad = any(each.clean is False for each in found)
    said = f"{'Something' if bad else 'Nothing'} was found by {', '.join(asked)}."
    return f"{said} NOT asked, as not installed: {', '.join(absent)}." if absent else said


async def _asked(tool: str, command: list[str], template: str = "") -> Checked:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    text = output.decode(errors="replace").strip()
    clean = process.returncode == 0
    return Checked(tool=tool, clean=clean, template=template, output="" if clean else text)
