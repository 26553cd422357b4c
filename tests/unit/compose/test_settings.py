"""The configuration: one reader, unknown keys are errors, unsafe ones are refused with the way out."""

from pathlib import Path

import pytest

from doorward.compose.safety import findings, require_safe, twins
from doorward.compose.settings import known_keys, load, variable_of
from doorward.errors import ConfigurationError
from doorward.model.settings import Settings


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "doorward.toml"
    path.write_text(text)
    return path


def test_later_sources_win_and_each_value_knows_where_it_came_from(tmp_path: Path) -> None:
    file = _file(tmp_path, 'pattern = "direct"\n[gateway]\nport = 1\nhost = "::1"\n[agent]\nport = 5\n')
    loaded = load(
        file=file,
        environ={"DOORWARD_GATEWAY_PORT": "2", "DOORWARD_AGENT_PORT": "6", "HOME": "/"},
        options={"agent.port": 7, "pattern": None},
    )
    assert (loaded.settings.pattern, loaded.settings.gateway.host) == ("direct", "::1")
    assert (loaded.settings.gateway.port, loaded.settings.agent.port) == (2, 7)
    assert loaded.sources["gateway.port"] == "DOORWARD_GATEWAY_PORT"
    assert loaded.sources["agent.port"] == "command line"
    assert loaded.sources["pattern"] == str(file)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("[gateway]\nprot = 1\n", "gateway.port"),
        ('patern = "direct"\n', "pattern"),
        ('[[clients]]\nclient_id = "a"\nredirect_uri = ["x"]\n', "clients[].redirect_uris"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(tmp_path: Path, text: str, near: str) -> None:
    with pytest.raises(ConfigurationError, match="Did you mean") as caught:
        load(file=_file(tmp_path, text), environ={})
    assert near in caught.value.message
    assert caught.value.code == "unknown_setting"


def test_an_unknown_variable_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean DOORWARD_GATEWAY_PORT"):
        load(environ={"DOORWARD_GATEWAY_PROT": "1"})


@pytest.mark.parametrize(
    "variable",
    [
        {"DOORWARD_GATEWAY_PORT": "many"},
        {"DOORWARD_GATEWAY_PORT": "70000"},
        {"DOORWARD_PATTERN": "sideways"},
        {"DOORWARD_FRONT_DOOR_FILTER": "perhaps"},
    ],
)
def test_a_value_that_does_not_fit_is_refused(variable: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(environ=variable)
    assert caught.value.code == "invalid_setting"


def test_secrets_are_read_as_secrets_that_do_not_print(tmp_path: Path) -> None:
    text = '[[clients]]\nclient_id = "a"\nsecret = "s3cr3t-of-the-client"\n'
    settings = load(file=_file(tmp_path, text), environ={}).settings
    assert settings.clients[0].secret is not None
    assert settings.clients[0].secret.reveal() == "s3cr3t-of-the-client"
    assert "s3cr3t" not in repr(settings)


def test_every_key_outside_lists_of_tables_has_a_variable_of_its_own() -> None:
    variables = [variable_of(key) for key, _ in known_keys() if "[]" not in key]
    assert len(variables) == len(set(variables))


def _codes(text: str, tmp_path: Path) -> set[str]:
    return {finding.code for finding in findings(load(file=_file(tmp_path, text), environ={}).settings)}


PRODUCTION = (
    'environment = "production"\nallow_twins_in_production = ["store", "keys", "runtime", "model", "sign-in"]\n'
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('environment = "production"', "twin_in_production"),
        (PRODUCTION + 'pattern = "direct"', "pattern_in_production"),
        (PRODUCTION + 'pattern = "front-door"', "pattern_in_production"),
        (PRODUCTION + "[sign_in]\nopen_sign_up = true", "open_sign_up"),
        (PRODUCTION + '[front_door]\nallowed_hosts = ["*"]', "wildcard_host"),
        (PRODUCTION + '[gateway]\npublic_url = "http://example.com"', "plain_http"),
        ('[front_door]\nallowed_origins = ["*"]\nallow_credentials = true', "wildcard_cors_with_credentials"),
        ('[agent]\nmodel = "openai:new"\n[budget]\ntotal_money_per_day = 5', "price_unknown"),
        ('[sign_in]\nclient_secret = "changeme"', "default_secret"),
        ('[[clients]]\nclient_id = "a"\nsecret = "aaaaaaaaaaaaaaaaaaaaaaaa"', "default_secret"),
    ],
)
def test_what_is_unsafe_is_found(tmp_path: Path, text: str, code: str) -> None:
    assert code in _codes(text, tmp_path)


def test_the_default_configuration_is_safe_for_development() -> None:
    require_safe(Settings())


def test_production_starts_when_each_twin_is_allowed_by_its_name(tmp_path: Path) -> None:
    assert _codes(PRODUCTION, tmp_path) == set()
    assert set(twins(Settings())) == {"store", "keys", "runtime", "model", "sign-in"}


def test_the_refusal_names_everything_and_the_way_out(tmp_path: Path) -> None:
    settings = load(file=_file(tmp_path, 'environment = "production"\npattern = "direct"'), environ={}).settings
    with pytest.raises(ConfigurationError) as caught:
        require_safe(settings)
    assert "allow_pattern_in_production = true" in caught.value.message
    assert '"sign-in" to allow_twins_in_production' in caught.value.message
