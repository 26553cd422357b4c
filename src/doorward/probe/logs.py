"""The target's log files, where its owner gave their paths: what was written since the probe began to look."""

import asyncio
from pathlib import Path

from doorward.probe.lab import Lab

_MOST = 32 * 1024 * 1024
_SETTLES = 0.2


async def read_logs(lab: Lab) -> dict[str, str]:
    """The ends of all log files that can be read, after the target had a moment to write. Empty when none was given."""
    if lab.target.logs:
        await asyncio.sleep(_SETTLES)
    return await asyncio.to_thread(_read, lab.target.logs)


def _read(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        path = Path(name)
        if path.is_file():
            with path.open("rb") as log:
                log.seek(max(0, path.stat().st_size - _MOST))
                found[name] = log.read(_MOST).decode("utf-8", "replace")
    return found
