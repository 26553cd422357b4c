"""What becomes of a setting on AWS, by `doorward deploy aws`: it goes along, or somebody hears that it does not."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner, Result

from doorward.cli.main import root
from doorward.compose.deployed_settings import left_behind
from doorward.compose.deploying import plan_of
from doorward.compose.settings import known_keys, variable_of
from doorward.deploy.aws.patterns import template
from doorward.errors import ConfigurationError
from doorward.model.settings import Pattern, Settings

# What of each setting lies in the template as something else than its variable.
EVERYWHERE = (
    *("agent.arn", "agent.file", "allow_pattern_in_production", "allow_twins_in_production", "data", "environment"),
    *("functions.api", "functions.table", "functions.turns", "pattern", "telemetry.log_format"),
)
EDGE = ("front_door.address_requests", "front_door.address_window", "front_door.max_message_characters")
ELSEWHERE: dict[Pattern, tuple[str, ...]] = {
    "direct": EVERYWHERE,
    "front-door": (*EVERYWHERE, *EDGE, "front_door.max_body_bytes"),
    "two-doors": EVERYWHERE,
    "conversations": (*EVERYWHERE, "chat.memory", "chat.names"),
}
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


@pytest.mark.parametrize(("seconds", "said"), [(60, "60.0"), (840, "840.0"), (880, "840"), (900, "840"), (3600, "840")])
def test_a_turn_ends_before_its_function_does(tmp_path: Path, seconds: int, said: str) -> None:
    result = deploy(tmp_path, "conversations", f"[agent]\nturn_timeout = {seconds}\n")
    assert result.exit_code == 0
    assert ("840 s at most" in result.stderr) == (seconds in (880, 3600))
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
        ('[chat]\non_busy = "interrupt"\n', "not_on_aws"),
        (f'[sign_in]\nrole_claim = "{"x" * 2400}"\n', "not_on_aws"),
        ('[sign_in]\nrole_claim = "${Api}"\n', "not_on_aws"),
        ('[agent]\nmodel = "bedrock_converse:x.y"\n[budget]\nuser_money_per_day = 1\n', "price_unknown"),
        ('[agent]\nmodel = "bedrock_converse:x.y"\nturn_money = 1\n', "price_unknown"),
    ],
)
def test_what_would_not_hold_there_is_refused_and_nothing_is_written(tmp_path: Path, text: str, code: str) -> None:
    result = deploy(tmp_path, "conversations", text)
    assert isinstance(result.exception, ConfigurationError)
    assert result.exception.code == code
    assert not (tmp_path / "out").exists()


def test_what_is_cut_short_there_is_said(tmp_path: Path) -> None:
    text = "[agent]\nturn_timeout = 300\n[functions]\nanswer_within = 10\n[front_door]\nmax_body_bytes = 500000\n"
    result = deploy(tmp_path, "two-doors", text)
    assert result.exit_code == 0
    assert of_function(tmp_path)["DOORWARD_FUNCTIONS_ANSWER_WITHIN"] == "10.0"
    assert "A turn takes 55 s at most there" in result.stderr
    assert "The body of a request is 65536 bytes at most there" in result.stderr
    assert deploy(tmp_path, "two-doors", "").exit_code == 0
    assert of_function(tmp_path)["DOORWARD_FUNCTIONS_ANSWER_WITHIN"] == "55"


@pytest.mark.parametrize("pattern", ["direct", "front-door", "two-doors", "conversations"])
def test_what_only_a_gateway_of_one_process_holds_is_said(tmp_path: Path, pattern: str) -> None:
    text = "[front_door]\nwaiting_requests = 5\n[agent]\nmodel_breaker_failures = 2\n"
    result = deploy(tmp_path, pattern, text)
    assert "NOT HELD: nothing in " in result.stderr
    assert "holds front_door.waiting_requests, agent.model_breaker_failures." in result.stderr


@pytest.mark.parametrize("pattern", ["direct", "front-door"])
def test_a_wait_for_functions_means_nothing_where_there_are_none(tmp_path: Path, pattern: str) -> None:
    result = deploy(tmp_path, pattern, "[functions]\nanswer_within = 100\n")
    assert result.exit_code == 0
    assert "functions.answer_within" in result.stderr


def test_the_page_says_what_the_functions_do_with_a_message_for_a_busy_conversation(tmp_path: Path) -> None:
    assert deploy(tmp_path, "conversations", '[chat]\non_busy = "enqueue"\n').exit_code == 0
    page = yaml.safe_load((tmp_path / "out" / "page-config.json").read_text(encoding="utf-8"))
    assert page["on_busy"] == of_function(tmp_path)["DOORWARD_CHAT_ON_BUSY"] == "enqueue"


def test_a_limit_in_dollars_goes_along_with_a_model_that_has_a_price(tmp_path: Path) -> None:
    model = "bedrock_converse:eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
    result = deploy(tmp_path, "two-doors", f'[agent]\nmodel = "{model}"\n[budget]\nuser_money_per_day = 1.5\n')
    assert result.exit_code == 0, result.output
    assert of_function(tmp_path)["DOORWARD_BUDGET_USER_MONEY_PER_DAY"] == "1.5"


@pytest.mark.parametrize("pattern", ["direct", "front-door", "two-doors", "conversations"])
def test_no_setting_is_dropped_without_a_word(pattern: Pattern) -> None:
    """Each with another value than its default is a variable in the template, with that value; or it is named."""
    keys = [key for key, _ in known_keys() if "[]" not in key and key not in ELSEWHERE[pattern]]
    silent = []
    for first in range(0, len(keys), 20):  # so many, since there is a bound on all variables together
        settings = msgspec.structs.replace(Settings(), pattern=pattern)
        for key in keys[first : first + 20]:
            settings = changed(settings, key)
        plan = plan_of(settings, pattern)
        given = variables_in(template(plan))
        told = {
            word.strip(".") for word in re.findall(r"[a-z_.]+", " ".join(left_behind(settings, plan.limits.body_bytes)))
        }
        silent += [
            key
            for key in keys[first : first + 20]
            if (variable_of(key), text_of(settings, key)) not in given and key not in told
        ]
    assert not silent


def variables_in(made: Any) -> set[tuple[str, str]]:
    """Of all functions and of the agent."""
    properties = [each["Properties"] for each in made["Resources"].values()]
    maps = [each["EnvironmentVariables"] for each in properties if "EnvironmentVariables" in each]
    maps += [each["Environment"]["Variables"] for each in properties if "Environment" in each]
    return {(name, value) for each in maps for name, value in each.items() if isinstance(value, str)}


def text_of(settings: Any, key: str) -> str:
    for part in key.split("."):
        settings = getattr(settings, part)
    if isinstance(settings, tuple):
        return ",".join(settings)
    return str(settings).lower() if isinstance(settings, bool) else str(settings)


def changed(settings: Any, key: str) -> Any:
    """With another value for `key`, whatever it means: numbers are lower, which no bound of AWS's is below."""
    name, _, rest = key.partition(".")
    now = getattr(settings, name)
    if rest:
        return msgspec.structs.replace(settings, **{name: changed(now, rest)})
    if isinstance(now, bool):
        other: Any = not now
    elif isinstance(now, int | float):
        other = now / 2 if now > 1 and isinstance(now, float) else max(now - 1, 1) if now > 1 else now + 1
    else:
        other = "other" if isinstance(now, str) or now is None else ("other",)
    return msgspec.structs.replace(settings, **{name: other})
