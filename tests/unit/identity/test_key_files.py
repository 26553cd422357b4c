"""Keys in files: made once whoever comes first, private, and refused when they are not."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from doorward.errors import ConfigurationError
from doorward.identity.key_files import (
    TURN_KEY,
    TURN_PUBLIC_KEY,
    add_sign_in_key,
    load_or_create_random,
    load_or_create_sign_in_keys,
    load_or_create_turn_key,
    load_or_create_workload,
    load_turn_public_key,
)
from doorward.identity.private_files import MAX_FILE_BYTES, create, load_or_create

MAKERS: list[tuple[str, Callable[[Path], object]]] = [
    ("sign-in-0001.json", load_or_create_sign_in_keys),
    (TURN_KEY, load_or_create_turn_key),
    ("workload-chat.json", lambda folder: load_or_create_workload(folder, "chat")),
    ("random-cursors.key", lambda folder: load_or_create_random(folder, "cursors")),
]
each_kind = pytest.mark.parametrize(("name", "make"), MAKERS, ids=[name for name, _ in MAKERS])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "keys"


@each_kind
def test_a_key_is_made_once_and_only_its_owner_can_read_it(
    folder: Path, name: str, make: Callable[[Path], object]
) -> None:
    make(folder)
    content = (folder / name).read_bytes()
    make(folder)
    assert (folder / name).read_bytes() == content
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@each_kind
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o666])
def test_a_file_that_others_could_read_is_refused_with_the_way_out(
    folder: Path, name: str, make: Callable[[Path], object], mode: int
) -> None:
    make(folder)
    (folder / name).chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        make(folder)
    (folder / name).chmod(0o400)
    make(folder)


@each_kind
def test_a_folder_that_others_could_enter_is_refused(folder: Path, name: str, make: Callable[[Path], object]) -> None:
    make(folder)
    folder.chmod(0o755)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        make(folder)


@each_kind
def test_a_link_or_a_folder_in_place_of_a_key_is_refused(
    folder: Path, name: str, make: Callable[[Path], object]
) -> None:
    make(folder)
    (folder / name).rename(folder / "elsewhere")
    (folder / name).symlink_to(folder / "elsewhere")
    with pytest.raises(ConfigurationError):
        make(folder)
    (folder / name).unlink()
    (folder / name).mkdir(mode=0o700)
    with pytest.raises(ConfigurationError):
        make(folder)


@each_kind
@pytest.mark.parametrize("content", [b"", b"{}", b"CANARY-SECRET", b"[1]", b"\xff" * 31, b"x" * (MAX_FILE_BYTES + 1)])
def test_a_file_that_holds_no_key_is_refused_and_not_quoted(
    folder: Path, name: str, make: Callable[[Path], object], content: bytes
) -> None:
    make(folder)
    (folder / name).write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        make(folder)
    assert "CANARY" not in str(caught.value)
    assert (folder / name).read_bytes() == content, "nothing is overwritten"


def test_of_many_who_create_a_key_at_once_all_get_the_same(folder: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: load_or_create_random(folder, "race"), range(64)))
    assert len(set(found)) == 1
    assert [path.name for path in folder.iterdir()] == ["random-race.key"]


def test_two_processes_that_start_at_once_get_the_same_keys(folder: Path) -> None:
    program = (
        "import sys, pathlib; from doorward.identity import key_files as k; p = pathlib.Path(sys.argv[1]);"
        "print(k.load_or_create_sign_in_keys(p)[0].kid, k.load_or_create_turn_key(p).public_key()"
        ".public_bytes_raw().hex(), k.load_or_create_workload(p, 'chat').access_key_id)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert said[0] == said[1]
    assert len(said[0].split()) == 3


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert create(tmp_path / "a", b"first")
    assert not create(tmp_path / "a", b"second")
    assert load_or_create(tmp_path / "a", lambda: b"third") == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_newest_sign_in_key_signs_and_all_are_published(folder: Path) -> None:
    first = load_or_create_sign_in_keys(folder)
    keys = add_sign_in_key(folder)
    assert [key.kid for key in keys[1:]] == [key.kid for key in first]
    assert [key.kid for key in load_or_create_sign_in_keys(folder)] == [key.kid for key in keys]
    assert all(key.kid == key.thumbprint() and key.get("use") == "sig" and key.alg == "RS256" for key in keys)
    assert all(key.is_private and "d" not in key.as_dict(private=False) for key in keys)
    (folder / "sign-in-0001.json").unlink()
    assert [key.kid for key in load_or_create_sign_in_keys(folder)] == [keys[0].kid]


def test_the_public_half_of_the_turn_key_is_enough_to_verify(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_turn_public_key(folder)
    key = load_or_create_turn_key(folder)
    (folder / TURN_KEY).unlink()
    public = load_turn_public_key(folder)
    assert isinstance(public, Ed25519PublicKey)
    public.verify(key.sign(b"turn"), b"turn")
    assert b'"d"' not in (folder / TURN_PUBLIC_KEY).read_bytes()


def test_halves_that_do_not_belong_together_are_refused(folder: Path) -> None:
    load_or_create_turn_key(folder)
    (folder / TURN_KEY).unlink()
    with pytest.raises(ConfigurationError, match="belong together"):
        load_or_create_turn_key(folder)


def test_a_workload_gets_a_key_that_signs_like_an_access_key(folder: Path) -> None:
    chat, other = load_or_create_workload(folder, "chat"), load_or_create_workload(folder, "other")
    assert chat.access_key_id.startswith("DWKEY")
    assert chat.access_key_id.isalnum()
    assert chat.access_key_id.isupper()
    assert 16 <= len(chat.access_key_id) <= 128
    assert len(chat.secret_access_key.reveal()) == 40
    assert chat.secret_access_key.reveal() not in repr(chat)
    assert chat.access_key_id != other.access_key_id


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "a.b", "-a", "a" * 49, "a\0"])
def test_a_name_cannot_leave_the_folder(folder: Path, name: str) -> None:
    with pytest.raises(ConfigurationError):
        load_or_create_random(folder, name)
    with pytest.raises(ConfigurationError):
        load_or_create_workload(folder, name)
