"""Houses that are not ours, on loopback: a bare agent, nginx in front of one, the AgentCore SDK's own server."""

import asyncio
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.journey.house import free_port

from doorward.http.asgi import Receive, Scope, Send
from doorward.model.secret import Secret
from doorward.probe.target import Account, Chat, Target

CANARY = "Greetings from an agent"
# An agent as the SDK's documentation shows it, run by the SDK itself.
SDK_AGENT = f"""
import logging, sys
from bedrock_agentcore import BedrockAgentCoreApp

app = BedrockAgentCoreApp()
logging.disable(logging.CRITICAL)

@app.entrypoint
def invoke(payload):
    return {{"response": "{CANARY}, " + str(payload.get("prompt"))}}

app.run(host="127.0.0.1", port=int(sys.argv[1]))
"""
SLOW = "tell me a long story"
CHAT = Chat(path="/chat", prompt_field="prompt", canary=CANARY, session_field="", slow_prompt=SLOW)


async def trusting_agent(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes any bearer token: it never looks into one."""
    if scope["type"] != "http":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if SLOW.encode() in body:
        await asyncio.sleep(1.0)  # an answer that takes its time
    authorized = any(name == b"authorization" and value.startswith(b"Bearer ") for name, value in scope["headers"])
    status, text = (200, CANARY) if authorized else (401, "who are you?")
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f'{{"response": "{text}"}}'.encode()})


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Under uvicorn, as it is; its URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", ws="none"))
    listener.listen()
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


@asynccontextmanager
async def behind_nginx(agent: str, folder: Path) -> AsyncIterator[str]:
    """nginx with a limit of requests in front of an agent, whose own address stays reachable; its URL."""
    binary = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    assert binary, "nginx is needed: sh tests/install-programs.sh"
    port = free_port()
    (folder / "nginx.conf").write_text(
        f"""
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_header_timeout 5s; client_body_timeout 5s;
  limit_req_zone $http_authorization zone=users:1m rate=200r/s;
  server {{
    listen 127.0.0.1:{port};
    location = /chat {{ limit_req zone=users burst=100 nodelay; limit_req_status 429; proxy_pass {agent}/invocations; }}
    location / {{ return 404; }}
  }}
}}
"""
    )
    options = ("-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log"))
    async with _program(port, binary, *options) as url:
        yield url


@asynccontextmanager
async def sdk_server(folder: Path) -> AsyncIterator[str]:
    """The AgentCore SDK's own server with an agent; its URL."""
    file, port = folder / "agent.py", free_port()
    file.write_text(SDK_AGENT)
    async with _program(port, sys.executable, str(file), str(port)) as url:
        yield url


@asynccontextmanager
async def _program(port: int, *command: str) -> AsyncIterator[str]:
    """A program that listens at `port`, until the block ends."""
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    try:
        await _answers(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _answers(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(20):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            return
    raise AssertionError("it did not start")


def target(name: str, **changes: Any) -> Target:
    """A target with two users whose tokens were given, signed by an issuer that the probe does not know."""
    key = RSAKey.generate_key(2048)
    claims = {"iss": "https://login.example", "aud": "agent", "exp": 4_000_000_000, "iat": 1_700_000_000}
    users = tuple(
        Account(username=user, token=Secret(jwt.encode({"alg": "RS256", "kid": "1"}, {**claims, "sub": user}, key)))
        for user in ("first", "second")
    )
    return Target(name=name, chat=CHAT, users=users, **changes)
