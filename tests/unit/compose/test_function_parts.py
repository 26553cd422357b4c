"""The functions as they start: what they import, what they refuse, and which checks stand before them."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from doorward.cli.main import root
from doorward.compose.function_agent import agent_of, invoker
from doorward.compose.function_parts import FunctionHouse, api_function
from doorward.compose.settings import load
from doorward.errors import ConfigurationError
from doorward.front_door import door
from doorward.front_door.address_limit import AddressLimit
from doorward.front_door.authenticate import Authenticate
from doorward.front_door.behind_gateway import behind_api_gateway
from doorward.front_door.csrf import Csrf
from doorward.model.settings import SignInSettings

FUNCTIONS = ("chat", "turns", "conversations", "relay")
NEVER = (
    "langchain",
    "langgraph",
    "bedrock_agentcore",
    "boto3",
    "uvicorn",
    "aiohttp",
    "doorward.sign_in",
    "doorward.stores.sqlite",
    "joserfc",
    "doorward.probe",
)


@cache
def imported(name: str) -> set[str]:
    code = f"import sys, doorward.compose.lambda_{name}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_imports_no_framework_no_server_and_no_sdk(name: str) -> None:
    modules = imported(name)
    assert not [each for each in NEVER if each in modules]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_needed_for_a_memory_alone_is_loaded_when_it_is_needed(name: str) -> None:
    assert not [each for each in imported(name) if each.startswith("doorward.stores.agentcore")]


@pytest.mark.parametrize("name", ["conversations", "chat"])
def test_history_and_chat_do_not_import_a_way_to_the_agent(name: str) -> None:
    modules = imported(name)
    assert not [each for each in modules if each.startswith("doorward.agent_door")]
    assert name == "chat" or "doorward.services.invocation" not in modules


@pytest.mark.parametrize("name", FUNCTIONS)
def test_outside_of_lambda_a_function_says_so(name: str) -> None:
    command = [sys.executable, "-m", f"doorward.compose.lambda_{name}"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env={"PATH": ""}, timeout=60)
    assert ended.returncode == 1
    assert "no Lambda Runtime API" in ended.stderr


def test_every_check_of_the_house_stands_there_too_but_those_that_api_gateway_makes() -> None:
    listed = behind_api_gateway(SignInSettings(), frozenset(), "")
    theirs = {AddressLimit, Authenticate, Csrf}  # WAF's rate rule; the authorizer; there is no cookie
    kept = [check for check in door.CHECKS if check not in theirs]
    assert [check for check in listed if check in door.CHECKS] == kept
    # The parser's rule of repeated headers; whether the API is our own, and whom its authorizer verified.
    assert len(listed) == len(kept) + 3


def test_in_production_a_function_is_told_whose_events_it_takes() -> None:
    settings = load(environ={}, options={"environment": "production"}).settings
    with pytest.raises(ConfigurationError) as caught:
        api_function(FunctionHouse(settings), [])
    assert caught.value.code == "api_not_named"


def test_a_file_is_no_store_of_functions(tmp_path: Path) -> None:
    """On AWS each environment has a disk of its own: what one stored, no other would find."""
    settings = load(environ={}, options={"environment": "production", "data": str(tmp_path)}).settings
    with pytest.raises(ConfigurationError) as caught:
        _ = FunctionHouse(settings).stores
    assert caught.value.code == "store_not_shared"


@pytest.mark.parametrize("environment", ["production", "development"])
def test_only_where_our_agent_door_asks_for_the_key_of_turn_tokens_it_is_a_file(
    tmp_path: Path, environment: str
) -> None:
    """On AWS the role opens the agent; a house of functions on one machine has its agent door beside it."""
    given = {"environment": environment, "data": str(tmp_path / "data"), "agent.url": "https://agent.example"}
    settings = load(environ={}, options=given).settings
    with pytest.MonkeyPatch.context() as keys:
        keys.setenv("AWS_ACCESS_KEY_ID", "AKIA0123456789012345")
        keys.setenv("AWS_SECRET_ACCESS_KEY", "a secret of the tests")
        invoker(settings, agent_of(settings))
    assert (tmp_path / "data").exists() == (environment == "development")


ONLY_WHAT_IS_PACKED = """
import sys
from importlib.metadata import packages_distributions, requires

def closure(names):
    seen = set()
    while names:
        name = names.pop().lower().replace("_", "-")
        if name not in seen:
            seen.add(name)
            lines = [line for line in requires(name) or [] if "extra ==" not in line]
            names += [re.match(r"[A-Za-z0-9._-]+", line)[0] for line in lines]
    return seen

import re
packed = closure([re.match(r"[A-Za-z0-9._-]+", line)[0] for line in open("requirements.txt") if line.strip()])
owners = packages_distributions()

class Only:
    def find_spec(self, name, path=None, target=None):
        of = {each.lower().replace("_", "-") for each in owners.get(name.split(".")[0], [])}
        if of and not of & packed and "doorward" not in of:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Only())
sys.path.insert(0, ".")
import doorward
assert doorward.__file__.startswith(sys.argv[1]), doorward.__file__
for name in sys.argv[2:]:
    __import__(name)
"""


def test_what_is_packed_is_enough_for_every_function(tmp_path: Path) -> None:
    """The copy of the code, and the packages that its requirements name with what they need; nothing else."""
    made = CliRunner().invoke(root, ["deploy", "aws", "--pattern", "conversations", "--out", str(tmp_path)])
    assert made.exit_code == 0, made.output
    package = tmp_path / "functions"
    modules = [f"doorward.compose.lambda_{name}" for name in FUNCTIONS]
    command = [sys.executable, "-c", ONLY_WHAT_IS_PACKED, str(package), *modules]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=package)
    assert ended.returncode == 0, ended.stderr
