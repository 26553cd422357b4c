"""The configuration in force: every setting, where it comes from, and no secret."""

from pathlib import Path

from msgspec.structs import replace

from doorward.compose.in_force import in_force, shown
from doorward.compose.settings import Loaded, known_keys, load
from doorward.model.secret import Secret

FILE = """
[sign_in]
client_secret = "canary-of-the-client"

[[workloads]]
name = "nightly"
access_key_id = "AKIAIOSFODNN7EXAMPLE"
secret_access_key = "canary-of-the-workload"

[telemetry]
otlp_endpoint = "http://me:canary-of-the-collector@collector:4318"
"""


def loaded(folder: Path) -> Loaded:
    file = folder / "doorward.toml"
    file.write_text(FILE)
    found = load(file=file, environ={"DOORWARD_GATEWAY_PORT": "0"}, options={"pattern": "two-doors"})
    gateway = replace(found.settings.gateway, public_url="http://127.0.0.1:4711")
    return Loaded(replace(found.settings, gateway=gateway), found.sources)


def test_every_setting_is_there_with_its_value_and_where_it_comes_from(tmp_path: Path) -> None:
    found = {each.key: each for each in in_force(loaded(tmp_path))}
    assert {key for key, _ in known_keys() if "[]" not in key} <= found.keys()
    told = {key: (each.value, each.source, each.origin) for key, each in found.items()}
    assert told["gateway.port"] == ("0", "environment", "DOORWARD_GATEWAY_PORT")
    assert told["pattern"] == ('"two-doors"', "command line", "")
    assert told["gateway.public_url"] == ('"http://127.0.0.1:4711"', "start", "")
    assert told["chat.heartbeat"] == ("15.0", "default", "")
    assert told["workloads[0].name"] == ('"nightly"', "file", str(tmp_path / "doorward.toml"))
    assert found["chat.heartbeat"].description.startswith("Seconds of silence")


def test_secrets_are_stars_wherever_they_stand(tmp_path: Path) -> None:
    """AP-AUD-07."""
    found = {each.key: each.value for each in in_force(loaded(tmp_path))}
    assert not [value for value in found.values() if "canary" in value]
    assert found["sign_in.client_secret"] == found["workloads[0].secret_access_key"] == '"**********"'
    assert found["telemetry.otlp_endpoint"] == '"http://**********@collector:4318"'
    assert shown(("postgresql://u:p@db/x", Secret("s"))) == '["postgresql://**********@db/x","**********"]'
