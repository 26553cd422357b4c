"""A real house for the tests: `doorward up` as a person would start it, and a user agent that signs in at it."""

import base64
import hashlib
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import msgspec

START_TIMEOUT = 60.0
# Read once: to read the machine's certificates for each client takes longer than most requests.
TLS = ssl.create_default_context()


@dataclass
class House:
    """A running house: what its ready file says, its process and its log."""

    ready: dict[str, Any]
    process: subprocess.Popen[bytes]
    log: Path
    data: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def front_door(self) -> str:
        return self.ready["front_door"]

    def client(self, **options: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.front_door, timeout=30, trust_env=False, verify=TLS, **options)

    def tokens(self, user: int = 0) -> dict[str, Any]:
        """Sign in as one of the two users by authorization code and PKCE; the token endpoint's answer."""
        account = self.ready["users"][user]
        return sign_in(self.ready, account["username"], account["password"])

    def bearer(self, user: int = 0) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens(user)['access_token']}"}

    def runs(self, agent: str = "hello") -> float:
        """How many invocations reached a worker, by the runtime's own counter."""
        return self.metric(f'doorward_agent_runs_total{{agent="{agent}"}}')

    def metric(self, sample: str, *, of: str = "runtime") -> float:
        """The sum of the samples of a process (`gateway` or `runtime`) whose line begins so."""
        return sum(float(line.split()[-1]) for line in self.metrics(of).splitlines() if line.startswith(sample))

    def metrics(self, of: str) -> str:
        """All that ``/metrics`` of a process says."""
        return httpx2.get(
            self.environment["metrics" if of == "runtime" else "gateway_metrics"],
            trust_env=False,
            timeout=30,
            verify=TLS,
        ).text

    def pid(self, name: str) -> int:
        """The process id of `gateway`, `runtime` or `worker` as it runs now, 0 when it does not."""
        parent = self.pid("runtime") if name == "worker" else self.process.pid
        wanted = b"doorward.runtime.worker" if name == "worker" else name.encode()
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().split(b"\0")
                state, ppid = (entry.parent / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue  # it ended while we looked
            if wanted in words and int(ppid) == parent and state != "Z":
                return int(entry.parent.name)
        return 0

    def said(self) -> str:
        """Everything that the house wrote so far: its log (standard error), then what it told a person."""
        return self.log.read_text(errors="replace") + self.log.with_name("said.txt").read_text(errors="replace")


class Form(HTMLParser):
    """The form of a page: where it goes, and its fields with what stands in them."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action = given.get("action") or ""
        if tag == "input" and given.get("name"):
            self.fields[str(given["name"])] = given.get("value") or ""


def sign_in(ready: dict[str, Any], username: str, password: str) -> dict[str, Any]:
    """The whole flow of a public client: authorize, the form, the code, the tokens."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    state = secrets.token_urlsafe(16)
    asked = {
        "response_type": "code",
        "client_id": ready["client_id"],
        "redirect_uri": ready["redirect_uri"],
        "scope": "openid email profile",
        "state": state,
        "nonce": secrets.token_urlsafe(16),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    with httpx2.Client(trust_env=False, timeout=30, verify=TLS) as browser:
        page = browser.get(ready["authorize_endpoint"], params=asked)
        assert page.status_code == 200, page.text
        form = Form()
        form.feed(page.text)
        filled = {**form.fields, "username": username, "password": password}
        sent = browser.post(urljoin(str(page.url), form.action), data=filled)
        assert sent.status_code in (302, 303), (sent.status_code, sent.text)
        answer = parse_qs(urlsplit(sent.headers["location"]).query)
        assert answer["state"] == [state]
        exchanged = browser.post(
            ready["token_endpoint"],
            data={
                "grant_type": "authorization_code",
                "code": answer["code"][0],
                "redirect_uri": ready["redirect_uri"],
                "client_id": ready["client_id"],
                "code_verifier": verifier,
            },
        )
    assert exchanged.status_code == 200, exchanged.text
    tokens: dict[str, Any] = exchanged.json()
    return tokens


@contextmanager
def running_house(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None, config: str | None = None
) -> Iterator[House]:
    """Start `doorward up` with free ports in `folder`, wait for its ready file, stop it with SIGTERM at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    ready_file, log, data = folder / "ready.json", folder / "house.log", folder / "data"
    ready_file.unlink(missing_ok=True)  # of a house that was killed
    config_file = folder / "doorward.toml"
    config_file.write_text(config or "")
    for _ in range(5):
        metrics_port, gateway_metrics_port = free_port(), free_port()
        process = _started(folder, arguments, environment or {}, (metrics_port, gateway_metrics_port))
        try:
            ready = _wait_until_ready(ready_file, process, log)
            break
        except PortTaken:  # by another house, between our look and its start
            continue
        except BaseException:
            process.kill()
            raise
    else:
        raise AssertionError(log.read_text())
    metrics = {
        "metrics": f"http://127.0.0.1:{metrics_port}/metrics",
        "gateway_metrics": f"http://127.0.0.1:{gateway_metrics_port}/metrics",
    }
    try:
        yield House(ready=ready, process=process, log=log, data=data, environment=metrics)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


class PortTaken(Exception):
    """Another program was faster."""


def _started(
    folder: Path, arguments: Sequence[str], environment: dict[str, str], ports: tuple[int, int]
) -> subprocess.Popen[bytes]:
    log, data = folder / "house.log", folder / "data"
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")},
        "DOORWARD_GATEWAY_SELF_TEST": "false",  # its control is a turn, and tests count turns
        "DOORWARD_GATEWAY_OPERATOR_PORT": str(ports[1]),
        "DOORWARD_AGENT_OPERATOR_PORT": str(ports[0]),
        **environment,
    }
    command = [sys.executable, "-m", "doorward", "up", "--port", "0", "--agent-port", "0", "--data", str(data)]
    command += ["--config", str(folder / "doorward.toml"), "--ready-file", str(folder / "ready.json"), *arguments]
    with log.open("ab") as errors, log.with_name("said.txt").open("ab") as output:
        return subprocess.Popen(command, stdout=output, stderr=errors, env=variables, cwd=folder)


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(ready_file: Path, process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if ready_file.exists():
            return msgspec.json.decode(ready_file.read_bytes())
        if process.poll() is not None:
            if "[port_taken]" in log.read_text().rpartition("\n")[0].rpartition("\n")[2]:
                raise PortTaken
            raise AssertionError(log.read_text())
        time.sleep(0.02)  # a bounded wait for another process
    raise AssertionError(f"not ready in {START_TIMEOUT} s:\n{log.read_text()}")
