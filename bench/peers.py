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
_BODY = json.dumps({"assistant_id": "agent", "input": {"message": "What is the weather in Seattle today?"}}).encode()
_THREADS = 256
_START_SECONDS = 60.0


class NotRun(Exception):
    """Why a peer could not be measured."""


def waiting_run(peer: Peer) -> Target:
    """A run without a thread, waited for: ``POST /runs/wait`` of LangGraph's server."""
    return Target(f"{peer.url}/runs/wait", _BODY)


def waiting_run_of_thread(peer: Peer) -> Target:
    """The same for a server that only runs threads: many of them in turn, so that no two runs meet in one."""
    made = [_post(f"{peer.url}/threads", b"{}")["thread_id"] for _ in range(_THREADS)]
    return Target(peer.url, _BODY, paths=tuple(f"/threads/{thread}/runs/wait" for thread in made))


def _post(url: str, body: bytes) -> dict[str, str]:
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310  # loopback
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)  # type: ignore[no-any-return]


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
    """Aegra on the Postgres at BENCH_DATABASE_URL. It needs the extension uuid-ossp there, which embedded ones
    from PyPI lack."""
    command = _program("aegra", "aegra")
    database = os.environ.get("BENCH_DATABASE_URL")
    if not database:
        raise NotRun("it needs a Postgres with the extension uuid-ossp (its URL in BENCH_DATABASE_URL)")
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        _write_agent(Path(folder), "aegra.json")
        port = free_port()
        variables = os.environ | {"DATABASE_URL": database, "AUTH_TYPE": "noop", "LOG_LEVEL": "WARNING"}
        options = ["serve", "--host", "127.0.0.1", "--port", str(port)]
        with process([command, *options], cwd=folder, env=variables, stdout=log, stderr=log) as started:
            yield _ready(f"http://127.0.0.1:{port}", started, "/health")


def _program(environment: str, name: str) -> str:
    path = PEERS / environment / "bin" / name
    if not path.exists():
        raise NotRun("it is not installed (make bench-peers)")
    return str(path)


def _write_agent(folder: Path, config: str) -> None:
    (folder / "graph.py").write_text(_GRAPH)
    (folder / config).write_text(json.dumps({"dependencies": ["."], "graphs": {"agent": "./graph.py:graph"}}))


def _ready(url: str, started: subprocess.Popen[bytes], health: str) -> Peer:
    """Wait for the health path."""
    try:
        wait_for(url + health, seconds=_START_SECONDS)
    except OSError as error:
        raise NotRun(f"it does not answer within {_START_SECONDS:.0f} s: {error}") from error
    return Peer(url, started.pid)
