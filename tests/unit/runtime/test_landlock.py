"""Which paths are opened around what stays hidden."""

from pathlib import Path

from doorward.runtime.worker.confine.landlock import around


def test_a_folder_without_secrets_is_open_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    opened = around([str(tmp_path / "agent")], [str(tmp_path / "data")])
    assert (opened.read, opened.listed) == ((str(tmp_path / "agent"),), ())


def test_what_is_hidden_in_a_folder_is_gone_around(tmp_path: Path) -> None:
    """AP-RUN-01"""
    for name in (
        "agent.py",
        "lib/one.py",
        ".doorward/keys/turn.pem",
        "deep/way/secret/key",
        "deep/way/code.py",
        "deep/x",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / ".doorward")
    opened = around([str(tmp_path)], [str(tmp_path / ".doorward"), str(tmp_path / "deep" / "way" / "secret")])
    assert {Path(path).relative_to(tmp_path).as_posix() for path in opened.read} == {
        "agent.py", "lib", "deep/x", "deep/way/code.py",
    }  # fmt: skip
    assert {Path(path).relative_to(tmp_path).as_posix() for path in opened.listed} == {".", "deep", "deep/way"}


def test_a_folder_inside_of_what_is_hidden_stays_closed(tmp_path: Path) -> None:
    (tmp_path / "data" / "agent").mkdir(parents=True)
    assert around([str(tmp_path / "data" / "agent"), str(tmp_path / "data")], [str(tmp_path / "data")]).read == ()
