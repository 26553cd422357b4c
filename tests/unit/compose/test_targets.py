"""`probe.toml`: what is read, and what is refused with a hint."""

from pathlib import Path

import pytest

from doorward.compose.claiming import claim, operator_key
from doorward.compose.expecting import expectation
from doorward.compose.targets import read_targets
from doorward.errors import ConfigurationError

EXAMPLE = Path(__file__).parents[3] / "examples" / "probe.toml"


def _file(folder: Path, text: str) -> Path:
    path = folder / "probe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_is_read_with_its_secrets_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBE_PASSWORD_ONE", "first")
    monkeypatch.setenv("PROBE_PASSWORD_TWO", "second")
    (target,) = read_targets(EXAMPLE)
    assert target.chat.path == "/api/chat"
    assert [user.password.reveal() for user in target.users if user.password] == ["first", "second"]


def test_a_secret_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROBE_PASSWORD_ONE", raising=False)
    with pytest.raises(ConfigurationError, match="PROBE_PASSWORD_ONE"):
        read_targets(EXAMPLE)


def test_a_secret_may_stand_in_the_file(tmp_path: Path) -> None:
    (target,) = read_targets(_file(tmp_path, 'name = "a"\n[[users]]\ntoken = "abc"\n'))
    assert target.users[0].token is not None
    assert target.users[0].token.reveal() == "abc"


def test_a_file_may_hold_several_targets(tmp_path: Path) -> None:
    text = '[[targets]]\nname = "a"\n[targets.chat]\npath = "/x"\n[[targets]]\nname = "b"\n'
    assert [(target.name, target.chat.path) for target in read_targets(_file(tmp_path, text))] == [
        ("a", "/x"),
        ("b", "/api/chat"),
    ]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('name = "a"\nfrontdoor = "x"', "front_door"),
        ('name = "a"\n[chat]\npromt = "x"', r"chat\.prompt"),
        ('name = "a"\n[[users]]\nuser_name = "x"', r"users\[\]\.username"),
        ('name = "a"\n[workload]\nregion = "r"\naccess_key = "x"', r"workload\.access_key_id"),
        ('[[targets]]\nname = "a"\nsignin = 1', "sign_in"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(text: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=hint) as refused:
        read_targets(_file(tmp_path, text))
    assert refused.value.code == "unknown_setting"


@pytest.mark.parametrize("text", ["", 'name = ""', 'name = "a"\nusers = 3', "name = 1", "targets = 1", "not toml"])
def test_what_does_not_fit_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        read_targets(_file(tmp_path, text))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_targets(tmp_path / "none.toml")


def test_expectations_are_ids_ids_at_a_target_and_the_gap() -> None:
    known = ["AP-BYP-01", "AP-LIM-01", "AP-WALLET", "AP-JWT-01"]
    expected = expectation(["gap", "AP-JWT-01@mine"], known)
    assert expected("AP-BYP-01", "direct")
    assert expected("AP-WALLET", "front-door")
    assert expected("AP-JWT-01", "mine")
    assert expected("AP-LIM-01", "direct")
    assert not expected("AP-LIM-01", "front-door")
    assert not expected("AP-BYP-01", "two-doors")
    assert not expected("AP-JWT-01", "direct")
    assert expectation(["AP-JWT-01"], known)("AP-JWT-01", "anywhere")


def test_an_expectation_of_an_unknown_attack_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="AP-NOT-01"):
        expectation(["AP-NOT-01@direct"], ["AP-BYP-01"])


def test_the_key_for_claims_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    place = tmp_path / "claim.pem"
    assert operator_key(place) is None
    first, where = claim("a.example", place)
    second, _ = claim("a.example", place)
    assert where == "a.example/.well-known/doorward-probe.txt"
    assert place.stat().st_mode & 0o777 == 0o600
    assert first.splitlines()[2] == second.splitlines()[2]
    assert operator_key(place) is not None


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "claim.pem"
    claim("a.example", place)
    place.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod"):
        operator_key(place)


def test_a_file_that_holds_no_such_key_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "claim.pem"
    place.write_text("something else")
    place.chmod(0o600)
    with pytest.raises(ConfigurationError, match="Ed25519"):
        operator_key(place)
