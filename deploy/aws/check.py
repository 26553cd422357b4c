"""`make check-aws`: the heavy checks of the templates and packages, for all four patterns. Needs sam and checkov on the
PATH and a package index, but no AWS account. Exit status 1 when anything is found."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

PATTERNS = ("direct", "front-door", "two-doors", "conversations")
# AgentCore Runtime and Lambda: unpacked, zipped.
MOST_BYTES = {"agent": (750_000_000, 250_000_000), "functions": (250_000_000, 50_000_000)}


def main() -> int:
    """Run them all."""
    missing = [tool for tool in ("sam", "checkov") if shutil.which(tool) is None]
    if missing:
        print(f"not installed: {', '.join(missing)}")
        return 1
    bad = 0
    with tempfile.TemporaryDirectory(prefix="doorward-aws-") as name:
        folder = Path(name)
        for pattern in PATTERNS:
            command = [sys.executable, "-m", "doorward", "deploy", "aws", "--pattern", pattern, "--check"]
            bad += subprocess.run([*command, "--out", str(folder / pattern)], check=False).returncode
        bad += _needless(folder)
        bad += _packages(folder / "conversations")
    return 1 if bad else 0


def _needless(folder: Path) -> int:
    """A suppression that suppresses nothing is a lie waiting to be believed."""
    bare = folder / "bare"
    bare.mkdir()
    excused = set()
    for pattern in PATTERNS:
        template = yaml.safe_load((folder / pattern / "template.yaml").read_text(encoding="utf-8"))
        for name, item in template["Resources"].items():
            skipped = item.pop("Metadata", {}).get("checkov", {}).get("skip", [])
            excused |= {(pattern, name, each["id"]) for each in skipped}
        (bare / f"{pattern}.yaml").write_text(yaml.safe_dump(template), encoding="utf-8")
    command = ["checkov", "--directory", str(bare), "--framework", "cloudformation", "--skip-download", "-o", "json"]
    said = json.loads(subprocess.run(command, check=False, capture_output=True, text=True).stdout)
    found = {
        (Path(each["file_path"]).stem, each["resource"].rpartition(".")[2], each["check_id"])
        for each in said["results"]["failed_checks"]
    }
    for pattern, name, check in sorted(excused - found):
        print(f"needless suppression: {pattern} {name} {check}")
    print(f"{len(excused)} suppressions, each needed" if excused <= found else "some suppressions are needless")
    return len(excused - found)


def _packages(out: Path) -> int:
    """Build them as a person would, and see that they fit."""
    environment = {**os.environ, "PYTHON": sys.executable}
    built = subprocess.run(["sh", str(out / "build.sh")], check=False, env=environment).returncode
    if built:
        return 1
    bad = 0
    for part, (most, most_zipped) in MOST_BYTES.items():
        (packed,) = (out / "build").glob(f"{part}-*.zip")
        unpacked = sum(path.stat().st_size for path in (out / "build" / part).rglob("*") if path.is_file())
        zipped = packed.stat().st_size
        print(f"{part}: {unpacked / 1e6:.1f} MB, zipped {zipped / 1e6:.1f} MB")
        foreign = [path for path in (out / "build" / part).rglob("*.so") if b"\xb7\x00" not in path.read_bytes()[18:20]]
        bad += (unpacked > most) + (zipped > most_zipped) + len(foreign)
        if foreign:
            print(f"not for 64-bit ARM: {', '.join(path.name for path in foreign)}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
