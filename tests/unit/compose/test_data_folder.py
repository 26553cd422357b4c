"""The data folder: one house at a time, and a clear word about one that cannot be used."""

import time
from pathlib import Path

import pytest

from doorward.compose.accounts import access_token, random_password, set_password
from doorward.compose.auditing import listing
from doorward.compose.house import Places
from doorward.compose.listen import with_addresses
from doorward.compose.occupied import occupied
from doorward.compose.running import as_running
from doorward.compose.settings import load
from doorward.compose.up import up
from doorward.errors import ConfigurationError, NotFound

pytestmark = pytest.mark.anyio


def test_a_second_process_of_the_same_kind_does_not_start_on_the_folder(tmp_path: Path) -> None:
    with occupied(tmp_path, "gateway"), occupied(tmp_path, "runtime"):
        began = time.monotonic()
        with (
            pytest.raises(ConfigurationError, match="Another house is up"),
            occupied(tmp_path, "gateway", patience=0.2),
        ):
            pass
        assert time.monotonic() - began >= 0.2
    with occupied(tmp_path, "gateway", patience=0.0):
        assert (tmp_path / "gateway.lock").stat().st_mode & 0o777 == 0o600


def test_a_data_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = load(environ={}, options={"data": str(tmp_path / "file" / "data")}).settings
    with pytest.raises(ConfigurationError, match="cannot be made"):
        Places(settings)


def test_a_damaged_note_of_a_running_house_is_said(tmp_path: Path) -> None:
    (tmp_path / "running.json").write_text("junk")
    with pytest.raises(ConfigurationError, match="is damaged"):
        as_running(load(environ={}, options={"data": str(tmp_path)}))


async def test_a_ready_file_in_no_folder_is_said_before_anything_starts(tmp_path: Path) -> None:
    loaded = load(environ={}, options={"data": str(tmp_path / "data")})
    with pytest.raises(ConfigurationError, match="for the ready file"):
        await up(loaded, ready_file=tmp_path / "nowhere" / "ready.json", say=print)
    assert not (tmp_path / "data").exists()


async def test_what_the_command_line_was_refused_stands_in_the_ledger_as_refused(tmp_path: Path) -> None:
    loaded = load(environ={}, options={"data": str(tmp_path)})
    settings = with_addresses(loaded.settings, gateway_port=8000, agent_port=8080)
    with pytest.raises(NotFound):
        await access_token(settings, "nobody")
    with pytest.raises(NotFound):
        await set_password(settings, "nobody", random_password())
    entries = [item.entry for _, item in await listing(settings, limit=10)]
    assert [(entry.action, entry.verdict, entry.code) for entry in entries] == [
        ("token", "allow", "operator"),
        ("token", "deny", "user_not_found"),
        ("user passwd", "allow", "operator"),
        ("user passwd", "deny", "user_not_found"),
    ]
