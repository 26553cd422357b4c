"""`doorward up`: the whole house on one machine. Binds the sockets, runs the two processes, says where to go."""

import asyncio
import signal
import socket
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from doorward.compose.house import (
    CHAT_WORKLOAD,
    PROGRAM_CLIENT,
    PROGRAM_REDIRECT,
    Places,
    arn,
    is_embedded,
    issuer,
)
from doorward.compose.listen import bind, port_of, url_of, with_addresses
from doorward.compose.process import Listeners, orders
from doorward.compose.running import forget_running, note_running
from doorward.compose.safety import require_safe, twins
from doorward.compose.self_test import self_test
from doorward.compose.settings import Loaded
from doorward.compose.supervisor import Plan, Supervisor
from doorward.errors import ConfigurationError
from doorward.identity import private_files
from doorward.identity.key_files import load_or_create_turn_key, load_or_create_workload
from doorward.model.chat import JsonObject
from doorward.model.settings import Settings

Say = Callable[[str], None]
_START_TIMEOUT = 60.0


async def up(loaded: Loaded, *, ready_file: Path | None, say: Say) -> None:
    """Run until SIGINT or SIGTERM. Raises `ConfigurationError` when it cannot start."""
    require_safe(loaded.settings)
    _clear(ready_file)
    gateway, runtime = _listeners(loaded, say)
    settings = _with_ports(loaded.settings, gateway, runtime)
    load_or_create_turn_key(Places(settings).keys)  # the runtime gets to see its public half only
    first = _is_first_start(settings)
    known = Loaded(settings, loaded.sources)
    plans = [_plan("runtime", known, runtime), _plan("gateway", known, gateway)]
    supervisor = Supervisor(plans, say=say, grace=settings.gateway.shutdown_grace + 3)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.stop)
    tester: asyncio.Task[None] | None = None
    noted = False
    try:
        said = await supervisor.start(_START_TIMEOUT)
        await _answers(f"{settings.gateway.public_url}/readyz", settings)
        ready = _ready(settings, said["gateway"])
        ready["metrics"] = [_metrics_url(settings, runtime["operator"]), _metrics_url(settings, gateway["operator"])]
        if ready_file is not None:
            private_files.replace(ready_file, msgspec.json.encode(ready))
        note_running(settings)
        noted = True
        _announce(settings, ready, port_of(gateway["operator"]), say, first=first)
        tester = asyncio.create_task(self_test(settings, ready, say))
        await supervisor.wait()
    finally:
        if tester is not None:
            tester.cancel()
        supervisor.stop()
        _forget(ready_file)
        if noted:  # else it may be another house's on the same folder, which is why we did not start
            forget_running(settings)
        await supervisor.wait()
    say("Stopped.")


def _clear(ready_file: Path | None) -> None:
    """Make room for the ready file, before anything starts."""
    if ready_file is not None and not ready_file.absolute().parent.is_dir():
        raise ConfigurationError(f"There is no folder {ready_file.absolute().parent} for the ready file.")
    _forget(ready_file)


def _forget(ready_file: Path | None) -> None:
    """A file of a house that is not up would lead its reader astray."""
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


def _listeners(loaded: Loaded, say: Say) -> tuple[Listeners, Listeners]:
    settings = loaded.settings
    gateway = {
        "front_door": bind(settings.gateway.host, settings.gateway.port, setting="--port"),
        "operator": _operator(loaded, "gateway.operator_port", settings.gateway.operator_port, say),
    }
    runtime = {
        "agent_door": bind(settings.agent.host, settings.agent.port, setting="--agent-port"),
        "operator": _operator(loaded, "agent.operator_port", settings.agent.operator_port, say),
    }
    return gateway, runtime


def _operator(loaded: Loaded, key: str, port: int, say: Say) -> socket.socket:
    """The operator port; when nobody chose it and it is taken, a free one."""
    host = loaded.settings.gateway.operator_host
    try:
        return bind(host, port, setting=key)
    except ConfigurationError as error:
        if key in loaded.sources or error.code != "port_taken":
            raise
    listener = bind(host, 0, setting=key)
    say(f"Port {port} ({key}) is taken; metrics are on {port_of(listener)}.")
    return listener


def _with_ports(settings: Settings, gateway: Listeners, runtime: Listeners) -> Settings:
    """The ports that were really taken: each process finds the other by them."""
    settings = with_addresses(
        settings, gateway_port=port_of(gateway["front_door"]), agent_port=port_of(runtime["agent_door"])
    )
    return replace(
        settings,
        gateway=replace(settings.gateway, operator_port=port_of(gateway["operator"])),
        agent=replace(settings.agent, operator_port=port_of(runtime["operator"])),
    )


def _plan(name: str, loaded: Loaded, listeners: Listeners) -> Plan:
    return Plan(name, orders(loaded, listeners), tuple(item.fileno() for item in listeners.values()))


async def _answers(url: str, settings: Settings) -> None:
    """One real request through the front door (by its listening address, whatever its public name)."""
    local = f"http://127.0.0.1:{settings.gateway.port}"
    if settings.gateway.public_url.startswith("https://") or settings.gateway.host not in ("127.0.0.1", "localhost"):
        return
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url.replace(settings.gateway.public_url, local))  # noqa: S310 - our own loopback
    await asyncio.to_thread(lambda: opener.open(request, timeout=10).read())


def _ready(settings: Settings, said: JsonObject) -> JsonObject:
    workload = load_or_create_workload(Places(settings).keys, CHAT_WORKLOAD)
    embedded = is_embedded(settings)
    return {
        "pattern": settings.pattern,
        "front_door": settings.gateway.public_url,
        "agent_door": settings.agent.url,
        "agent_arn": arn(settings, settings.agent.name),
        "issuer": issuer(settings),
        "authorize_endpoint": said["authorize_endpoint"],
        "token_endpoint": said["token_endpoint"],
        "client_id": PROGRAM_CLIENT if embedded else settings.sign_in.client_id,
        "redirect_uri": PROGRAM_REDIRECT if embedded else f"{settings.gateway.public_url}/session/callback",
        "users": said["users"],
        "workload": {
            "region": settings.agent.region,
            "access_key_id": workload.access_key_id,
            "secret_access_key": workload.secret_access_key.reveal(),
        },
    }


def _metrics_url(settings: Settings, listener: socket.socket) -> str:
    return f"{url_of(settings.gateway.operator_host, port_of(listener))}/metrics"


def _announce(settings: Settings, ready: JsonObject, operator_port: int, say: Say, *, first: bool) -> None:
    say(f"Doorward is up. Pattern: {settings.pattern}")
    say(f"  front door   {settings.gateway.public_url}")
    say(f"  agent door   {settings.agent.url}  ({ready['agent_arn']})")
    say(f"  metrics      http://{settings.gateway.operator_host}:{operator_port}/metrics")
    for user in ready["users"]:
        say(f"  sign in as   {user['username']}  {_password_of(settings, user, first=first)}")
    for name, what in twins(settings).items():
        say(f"  twin         {name}: {what}")
    if settings.console.enabled and settings.pattern != "direct":
        say(f"  console      {settings.gateway.public_url}/console  (for the role operator)")
    if is_embedded(settings) and ready["users"]:
        say(f"  a token      doorward token --user {ready['users'][0]['username']} --data {Places(settings).root}")


def _is_first_start(settings: Settings) -> bool:
    """Whether the users that the start will tell of are made by it."""
    return settings.environment == "production" or not Places(settings).first_users.exists()


def _password_of(settings: Settings, user: JsonObject, *, first: bool) -> str:
    """The start that makes the users says their passwords; later ones repeat them at a terminal only, since what a
    service prints again and again ends in a log (AP-AUD-07)."""
    if first or sys.stdout.isatty():
        return f"password {user['password']}"
    return f"password in {Places(settings).first_users}"
