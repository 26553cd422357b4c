"""The functions as they start: what they import, what they refuse, and which checks stand before them."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from doorward.cli.main import root
from doorward.compose.function_parts import FunctionHouse
from doorward.compose.lambda_relay import make
from doorward.compose.settings import load
from doorward.errors import ConfigurationError
from doorward.front_door import door
from doorward.front_door.address_limit import AddressLimit
from doorward.front_door.authenticate import Authenticate
from doorward.front_door.behind_gateway import behind_api_gateway
from doorward.front_door.csrf import Csrf
from doorward.http.lambda_runtime import Invocation, Prelude
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
    "doorward.probe",
)


def imported(name: str) -> set[str]:
    code = f"import sys, doorward.compose.lambda_{name}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_imports_no_framework_no_server_and_no_sdk(name: str) -> None:
    modules = imported(name)
    assert not [each for each in NEVER if each in modules]


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
    listed = behind_api_gateway(SignInSettings(), frozenset())
    theirs = {AddressLimit, Authenticate, Csrf}  # WAF's rate rule; the authorizer; there is no cookie
    kept = [check for check in door.CHECKS if check not in theirs]
    assert [check for check in listed if check in door.CHECKS] == kept
    assert len(listed) == len(kept) + 1


def test_a_file_is_no_store_of_functions(tmp_path: Path) -> None:
    """On AWS each environment has a disk of its own: what one stored, no other would find."""
    settings = load(environ={}, options={"environment": "production", "data": str(tmp_path)}).settings
    with pytest.raises(ConfigurationError) as caught:
        _ = FunctionHouse(settings).stores
    assert caught.value.code == "store_not_shared"


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


class Answer:
    """`Responder` that keeps what it is told."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.answered = False

    async def begin(self, prelude: Prelude) -> None:
        self.answered, self.status = True, prelude.status_code

    async def write(self, chunk: bytes) -> None:
        self.body += chunk

    async def end(self, failure: str = "") -> None:
        assert not failure


@pytest.mark.anyio
async def test_the_relay_of_two_doors_needs_no_store_and_hands_no_token_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AP-BYP-01: what knocks at the agent is the function's own key and a turn token."""
    knocked: list[bytes] = []

    async def door(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        knocked.append(await reader.readuntil(b"\r\n\r\n"))
        body = b'{"response": "from the agent"}'
        head = (
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
            % len(body)
        )
        writer.write(head + body)
        await writer.drain()
        writer.close()
        await reader.read()  # the caller has closed its end too
        over.set()

    over = asyncio.Event()
    server = await asyncio.start_server(door, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE000000001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-the-role")
    options = {
        "environment": "production",
        "pattern": "two-doors",
        "data": str(tmp_path),
        "sign_in.issuer": "https://pool.example",
        "sign_in.client_id": "page",
        "agent.url": f"http://127.0.0.1:{port}",
    }
    function = make(FunctionHouse(load(environ={}, options=options).settings))
    claims = {"iss": "https://pool.example", "sub": "ada", "token_use": "access", "client_id": "page"}
    event = {
        "httpMethod": "POST",
        "path": "/chat",
        "multiValueHeaders": {
            "Host": ["127.0.0.1"],
            "Content-Type": ["application/json"],
            "Authorization": ["Bearer of-the-user"],
        },
        "requestContext": {"authorizer": {"claims": claims}},
        "body": '{"message": "hello"}',
    }
    answer = Answer()
    invocation = Invocation(id="one", deadline=time.time() + 60, event=json.dumps(event).encode())
    await function(invocation, answer)  # type: ignore[arg-type]
    async with asyncio.timeout(30):
        await over.wait()
    server.close()
    await server.wait_closed()
    assert (answer.status, json.loads(answer.body)["response"]) == (200, "from the agent"), answer.body
    (head,) = knocked
    assert b"of-the-user" not in head
    assert b"x-amz-security-token: of-the-role" in head
    assert b"x-amzn-bedrock-agentcore-runtime-user-id: " in head
