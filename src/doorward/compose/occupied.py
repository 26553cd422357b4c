"""One gateway and one runtime per data folder: a second one would take the turns of the first for interrupted.

Each process of a house holds its lock as long as it lives; the system gives it back however the process ends.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from doorward.errors import ConfigurationError

# Seconds that a process of a house that was killed may take to notice and to end.
PATIENCE = 10.0
_PAUSE = 0.1


@contextmanager
def occupied(folder: Path, name: str, *, patience: float = PATIENCE) -> Iterator[None]:
    """Hold `folder` for the process `name`. `ConfigurationError` when another has held it for `patience` seconds."""
    descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + patience
        while not _locked(descriptor):
            if time.monotonic() >= deadline:
                raise ConfigurationError(f"Another house is up on the data folder {folder}. Stop it, or set --data.")
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
