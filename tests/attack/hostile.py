"""What the hostile agent tries in a real house, and how: shared by the tests and by the report that is made of them."""

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.journey.house import House, running_house
from tests.journey.talking import Headers, chat

ROOT = Path(__file__).parents[2]
AGENT = ROOT / "examples" / "hostile" / "agent.py"
UNLIMITED = {"DOORWARD_FRONT_DOOR_USER_REQUESTS": "1000000", "DOORWARD_FRONT_DOOR_ADDRESS_REQUESTS": "1000000"}
SMALL = {
    "DOORWARD_AGENT_SESSION_MEMORY": "400000000",
    "DOORWARD_AGENT_SESSION_DISK": "60000000",
    "DOORWARD_AGENT_SESSION_PROCESSES": "24",
    "DOORWARD_AGENT_TURN_TIMEOUT": "40",
    "DOORWARD_CHAT_NAMES": "first-message",
}
FIRST, OTHER = "a" * 36, "b" * 36


@dataclass
class Field:
    """A house with the hostile agent in it, a user, and a bystander's session that holds a secret."""

    house: House
    project: Path
    mine: Headers
    bystander: dict[str, Any]

    def tries(self, message: str, session: str = FIRST) -> dict[str, Any]:
        """What the agent says of an attempt."""
        with self.house.client() as client:
            found: dict[str, Any] = json.loads(chat(client, message, self.mine, session)["response"])
        return found


Told = Callable[[Field], str]


@dataclass(frozen=True)
class Attempt:
    """One thing that the agent tries: `told` is its message; `closed` says that only a closed network
    (`agent.network`) keeps it out."""

    threat: str
    what: str
    told: Told
    closed: bool = False


def _file(name: str) -> Told:
    return lambda field: str(next(field.house.data.rglob(name)))


def _port(url: str) -> str:
    return url.partition("//")[2].strip("/")


ATTEMPTS: dict[str, Attempt] = {
    "turn key": Attempt("AP-RUN-01", "read the key that signs turn tokens", lambda f: f"read_path {_file('turn*')(f)}"),
    "workload key": Attempt(
        "AP-RUN-05", "read the key of the chat service", lambda f: f"read_path {_file('*chat*')(f)}"
    ),
    "gateway store": Attempt(
        "AP-RUN-01", "read the store with all messages", lambda f: f"read_path {_file('gateway.db')(f)}"
    ),
    "runtime store": Attempt(
        "AP-RUN-01", "read the store with all agents' state", lambda f: f"read_path {_file('runtime.db')(f)}"
    ),
    "first users": Attempt(
        "AP-RUN-01", "read the first users' passwords", lambda f: f"read_path {_file('first-users.json')(f)}"
    ),
    "configuration": Attempt(
        "AP-RUN-01", "read the configuration beside the agent", lambda f: f"read_path {f.project / 'doorward.toml'}"
    ),
    "environment file": Attempt("AP-RUN-01", "read .env beside the agent", lambda f: f"read_path {f.project / '.env'}"),
    "symbolic and hard link": Attempt(
        "AP-RUN-01", "reach the store by links in the own folder", lambda f: f"escape_by_link {_file('gateway.db')(f)}"
    ),
    "change its own code": Attempt(
        "AP-RUN-01", "write over the agent's file", lambda f: f"write_path {f.project / 'agent.py'}"
    ),
    "write beside the store": Attempt(
        "AP-RUN-01", "write into the data folder", lambda f: f"write_path {f.house.data / 'planted'}"
    ),
    "init's environment": Attempt("AP-RUN-01", "read /proc/1/environ, maps and memory", lambda _: "environment_of 1"),
    "gateway's environment": Attempt(
        "AP-RUN-01", "the same of the gateway", lambda f: f"environment_of {f.house.pid('gateway')}"
    ),
    "bystander's environment": Attempt(
        "AP-SES-06", "the same of another session", lambda f: f"environment_of {f.bystander['pid']}"
    ),
    "bystander's folder": Attempt(
        "AP-SES-06", "list the scratch folder of another session", lambda f: f"list_path {f.bystander['cwd']}"
    ),
    "bystander's file": Attempt(
        "AP-SES-06", "read a file of another session", lambda f: f"read_path {f.bystander['cwd']}/doorward-residue"
    ),
    "all scratch folders": Attempt(
        "AP-SES-06", "list the runtime's private folder", lambda f: f"list_path {Path(f.bystander['cwd']).parent}"
    ),
    "residue": Attempt(
        "AP-SES-06", "find what another session left: globals, environment, /tmp, /dev/shm", lambda _: "find_residue"
    ),
    "signal to the parent": Attempt(
        "AP-RUN-04", "end the warm process", lambda f: f"send_signal {f.bystander['parent']} 0"
    ),
    "signal to a bystander": Attempt(
        "AP-RUN-04", "end another session", lambda f: f"send_signal {f.bystander['pid']} 0"
    ),
    "signal to the gateway": Attempt(
        "AP-RUN-04", "end the gateway", lambda f: f"send_signal {f.house.pid('gateway')} 0"
    ),
    "trace a bystander": Attempt(
        "AP-RUN-04", "attach to another session as a debugger", lambda f: f"trace {f.bystander['pid']}"
    ),
    "memory of a bystander": Attempt(
        "AP-RUN-04", "read another session's memory", lambda f: f"read_memory {f.bystander['pid']}"
    ),
    "memory of the gateway": Attempt(
        "AP-RUN-04", "read the gateway's memory", lambda f: f"read_memory {f.house.pid('gateway')}"
    ),
    "new namespaces": Attempt("AP-RUN-04", "make namespaces of its own", lambda _: "new_namespaces"),
    "all descriptors": Attempt("AP-RUN-03", "open 100,000 files", lambda _: "files_bomb"),
    "gateway's port": Attempt(
        "AP-RUN-02", "connect to the front door", lambda f: f"connect {_port(f.house.front_door)}", closed=True
    ),
    "agent door's port": Attempt(
        "AP-RUN-02", "connect to the agent door", lambda f: f"connect {_port(f.house.ready['agent_door'])}", closed=True
    ),
    "a datagram": Attempt(
        "AP-RUN-02", "send a datagram to a name server's port", lambda _: "send_datagram 127.0.0.1:53", closed=True
    ),
    "abstract socket": Attempt(
        "AP-RUN-02", "connect to an abstract socket of another process", lambda _: "connect_unix @doorward-hostile-test"
    ),
    "more rights": Attempt("AP-RUN-04", "raise limits, become another user, mount", lambda _: "more_rights"),
}


@contextmanager
def fields(isolation: str, *, network: str = "open") -> Iterator[Field]:
    """A house that hosts the hostile agent from a project folder with its data in it, as people start it."""
    with tempfile.TemporaryDirectory(prefix="doorward-hostile-") as folder:
        project = Path(folder)
        shutil.copy(AGENT, project / "agent.py")
        (project / "doorward.toml").write_text('# secret = "canary"\n')
        (project / ".env").write_text("SECRET=canary\n")
        environment = UNLIMITED | SMALL | {"DOORWARD_AGENT_ISOLATION": isolation, "DOORWARD_AGENT_NETWORK": network}
        with running_house(project, "--agent", str(project / "agent.py"), environment=environment) as house:
            field = Field(house, project, house.bearer(0), {})
            field.tries("leave_residue a-canary", OTHER)
            field.bystander = field.tries("about", OTHER)["got"]
            yield field


@contextmanager
def abstract_listener() -> Iterator[None]:
    """Something that listens on an abstract socket outside of every session, and answers as a worker would."""
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind("\0doorward-hostile-test")
        listener.listen()
        pid = os.fork()
        if pid == 0:
            while True:
                connection, _ = listener.accept()
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                connection.close()
        try:
            yield
        finally:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
