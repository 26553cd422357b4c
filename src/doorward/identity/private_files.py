"""Files of secrets: mode 0600 in a folder of mode 0700, each written whole.

`key_files` keeps every key with it, `compose` its notes of a house that is up. It refuses to read a file or folder that
others could read, and one that is a link.
"""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from doorward.errors import ConfigurationError

MAX_FILE_BYTES = 65_536


def load_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of `path`; when it is not there, what `make` gives, stored first.

    INVARIANT: of several processes that create it at once, one wins and all get its content: a file appears under its
    name only whole (a link to a finished temporary file), and never replaces another.
    Raises `ConfigurationError` when file or folder are open to others or cannot be used.
    """
    check_folder(path.parent, create=True)
    found = load(path)
    if found is not None:
        return found
    create(path, make())
    found = load(path)
    if found is None:
        raise ConfigurationError(f"{path} vanished while it was created")
    return found


def load(path: Path) -> bytes | None:
    """The content of `path`, or None when it is not there. `ConfigurationError` when its mode or kind is wrong."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigurationError(f"{path} is not an ordinary file")
        _check_private(path, status, "600")
        content = os.read(handle, MAX_FILE_BYTES + 1)
    finally:
        os.close(handle)
    if not content or len(content) > MAX_FILE_BYTES:
        raise ConfigurationError(f"{path} is empty or too large; move it away to have a new one made")
    return content


def create(path: Path, content: bytes) -> bool:
    """Store a new file. False, and nothing is changed, when the name is taken."""
    try:
        with _written(path, content) as temporary:
            os.link(temporary, path)
    except FileExistsError:
        return False
    _sync_folder(path.parent)
    return True


def replace(path: Path, content: bytes) -> None:
    """Store a file, in one step, in place of the one that may be there."""
    with _written(path, content) as temporary:
        temporary.replace(path)


@contextmanager
def _written(path: Path, content: bytes) -> Iterator[Path]:
    """A durable temporary file beside `path`; it is gone afterwards."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(folder: Path, *, create: bool) -> None:
    """Refuse a folder that others may enter; make it (0700) when it is not there and `create` is set."""
    if create:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        status = folder.lstat()
    except FileNotFoundError:
        raise ConfigurationError(f"{folder} does not exist; start the gateway first, which makes the keys") from None
    if not stat.S_ISDIR(status.st_mode):
        raise ConfigurationError(f"{folder} is not a folder")
    _check_private(folder, status, "700")


def _check_private(path: Path, status: os.stat_result, wanted: str) -> None:
    if status.st_uid != os.geteuid():
        raise ConfigurationError(f"{path} belongs to another user; change its owner to the one Doorward runs as")
    if status.st_mode & 0o077:
        raise ConfigurationError(f"{path} can be read by others; run: chmod {wanted} '{path}'")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
