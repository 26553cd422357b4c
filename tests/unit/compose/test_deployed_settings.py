"""What becomes of a setting on AWS, by `doorward deploy aws`: it goes along, or somebody hears that it does not."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner, Result

from doorward.cli.main import root
from doorward.compose.deployed_settings import left_behind, variables
from doorward.compose.settings import known_keys, variable_of
from doorward.errors import ConfigurationError
from doorward.model.settings import Pattern, Settings

# The template says these itself, or is made from them.
OF_THE_TEMPLATE = {
    *("agent.arn", "agent.file", "agent.memory", "allow_pattern_in_production", "allow_twins_in_production"),
    *(
        "chat.memory",
        "data",
        "environment",
        "functions.api",
        "functions.table",
        "functions.turns",
        "pattern",
        "telemetry.log_format",
    ),
}
OF_THE_EDGE = {"front_door.address_requests", "front_door.address_window", "front_door.max_body_bytes"}
OF_TENANTS = """
[sign_in]
tenant_claim = "custom:tenant"
role_claim = "custom:roles"
[budget]
tenant_tokens_per_day = 1000
[functions]
poll = 0.5
[telemetry]
log_level = "debug"
"""


def deploy(folder: Path, pattern: str, text: str) -> Result:
    file = folder / "doorward.toml"
    file.write_text(text, encoding="utf-8")
    out = str(folder / "out")
    return CliRunner().invoke(root, ["deploy", "aws", "--out", out, "--pattern", pattern, "--config", str(file)])


def resources(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "out" / "template.yaml").read_text(encoding="utf-8"))["Resources"]
    return found


def of_function(folder: Path, name: str = "ChatFunction") -> dict[str, Any]:
    found: dict[str, Any] = resources(folder)[name]["Properties"]["Environment"]["Variables"]
    return found


@pytest.mark.parametrize("pattern", ["two-doors", "conversations"])
def test_a_budget_of_tenants_goes_along_with_the_claim_that_names_them(tmp_path: Path, pattern: str) -> None:
    """AP-LIM-02"""
    result = deploy(tmp_path, pattern, OF_TENANTS)
    assert (result.exit_code, result.stderr) == (0, "")
    given = {
        "DOORWARD_BUDGET_TENANT_TOKENS_PER_DAY": "1000",
        "DOORWARD_SIGN_IN_TENANT_CLAIM": "custom:tenant",
        "DOORWARD_SIGN_IN_ROLE_CLAIM": "custom:roles",
        "DOORWARD_FUNCTIONS_POLL": "0.5",
        "DOORWARD_TELEMETRY_LOG_LEVEL": "debug",
    }
    assert given.items() <= of_function(tmp_path).items()
    agent = resources(tmp_path)["Agent"]["Properties"]["EnvironmentVariables"]
    assert agent["DOORWARD_TELEMETRY_LOG_LEVEL"] == "debug"


@pytest.mark.parametrize("pattern", ["direct", "front-door"])
def test_a_limit_that_nothing_in_a_pattern_holds_is_said(tmp_path: Path, pattern: str) -> None:
    text = "[budget]\nuser_tokens_per_day = 9\n[front_door]\nuser_requests = 5\n[agent]\nturn_tokens = 3\n"
    result = deploy(tmp_path, pattern, text)
    assert result.exit_code == 0
    assert f"NOT HELD: nothing in {pattern} on AWS holds " in result.stderr
    for key in ("budget.user_tokens_per_day", "front_door.user_requests", "agent.turn_tokens"):
        assert key in result.stderr


def test_what_does_not_go_along_is_named(tmp_path: Path) -> None:
    text = """
[gateway]
port = 9000
[sign_in]
issuer = "https://login.example.com"
clients_allowed = ["page"]
[[workloads]]
name = "robot"
access_key_id = "AKIA0123456789012345"
secret_access_key = "kjhfsd8762jhsdf9876sdfkjh"
"""
    result = deploy(tmp_path, "conversations", text)
    assert result.exit_code == 0
    for key in ("gateway.port", "sign_in.issuer", "sign_in.clients_allowed", "workloads"):
        assert key in result.stderr
    assert "kjhfsd8762" not in result.output


@pytest.mark.parametrize(("seconds", "said"), [(60, "60.0"), (840, "840.0"), (900, "840"), (3600, "840")])
def test_a_turn_ends_before_its_function_does(tmp_path: Path, seconds: int, said: str) -> None:
    result = deploy(tmp_path, "conversations", f"[agent]\nturn_timeout = {seconds}\n")
    assert result.exit_code == 0
    assert ("840 s at most" in result.stderr) == (seconds > 900)
    assert of_function(tmp_path, "TurnsFunction")["DOORWARD_AGENT_TURN_TIMEOUT"] == said
    timeout = resources(tmp_path)["TurnsFunction"]["Properties"]["Timeout"]
    assert float(said) + 60 <= timeout <= 900


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[agent]\nmodel = "openai:gpt-4o"\npass_environment = ["OPENAI_API_KEY"]\n', "not_on_aws"),
        ('[agent]\nmodel = "bedrock:a"\nmodel_url = "https://models.example.com"\n', "not_on_aws"),
        ('[agent]\nnetwork = "none"\n', "not_on_aws"),
        ("[functions]\nanswer_within = 56\n", "not_on_aws"),
        ('[agent]\nmodel = "bedrock_converse:x.y"\n[budget]\nuser_money_per_day = 1\n', "price_unknown"),
        ('[agent]\nmodel = "bedrock_converse:x.y"\nturn_money = 1\n', "price_unknown"),
    ],
)
def test_what_would_not_hold_there_is_refused_and_nothing_is_written(tmp_path: Path, text: str, code: str) -> None:
    result = deploy(tmp_path, "conversations", text)
    assert isinstance(result.exception, ConfigurationError)
    assert result.exception.code == code
    assert not (tmp_path / "out").exists()


def test_a_limit_in_dollars_goes_along_with_a_model_that_has_a_price(tmp_path: Path) -> None:
    model = "bedrock_converse:eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
    result = deploy(tmp_path, "two-doors", f'[agent]\nmodel = "{model}"\n[budget]\nuser_money_per_day = 1.5\n')
    assert result.exit_code == 0, result.output
    assert of_function(tmp_path)["DOORWARD_BUDGET_USER_MONEY_PER_DAY"] == "1.5"


@pytest.mark.parametrize("pattern", ["direct", "front-door", "two-doors", "conversations"])
def test_no_setting_is_dropped_without_a_word(pattern: Pattern) -> None:
    """Each with another value than its default goes along, is named, or is what the template is made from."""
    made = OF_THE_TEMPLATE | (OF_THE_EDGE if pattern != "direct" else {"front_door.max_body_bytes"})
    silent = []
    for key, item in known_keys():
        if "[]" in key or key in made:
            continue
        settings = msgspec.structs.replace(changed(Settings(), key), pattern=pattern)
        told = " ".join(left_behind(settings))
        # Besides those that are given in any case, and for another reason.
        gone_along = variable_of(key) in variables(settings, 1000)
        if not gone_along and key not in told:
            silent.append((key, item.default))
    # It is checked against the schema of API Gateway there.
    assert silent == ([("front_door.max_message_characters", 32000)] if pattern == "front-door" else [])


def changed(settings: Any, key: str) -> Any:
    """With another value for `key`, whatever it means."""
    name, _, rest = key.partition(".")
    now = getattr(settings, name)
    if rest:
        return msgspec.structs.replace(settings, **{name: changed(now, rest)})
    other = not now if isinstance(now, bool) else now + 1 if isinstance(now, int | float) else ("other",)
    return msgspec.structs.replace(settings, **{name: "other" if isinstance(now, str) or now is None else other})
