"""`doorward probe` without a target: starts a house of each pattern in turn and attacks it."""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct
from msgspec.structs import replace

from doorward.compose.settings import environment_without_settings
from doorward.errors import ConfigurationError
from doorward.model.chat import JsonObject
from doorward.model.secret import Secret
from doorward.probe.attack import Attack
from doorward.probe.catalogue import all_attacks
from doorward.probe.ownership import require_ownership
from doorward.probe.runner import Report, Row, run
from doorward.probe.target import Account, Chat, SignIn, Target, Workload
from doorward.probe.wire import Bounds

PATTERNS = ("direct", "front-door", "two-doors", "conversations")
# What the rehearsal model says to "hello", and nothing else of the house does.
CANARY = "I am the rehearsal model"
# A twin of a house: nothing of it is kept, and the probe is told where its counters are.
_CONFIGURATION = """
[gateway]
operator_port = 0
self_test = false

[agent]
operator_port = 0
"""
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_CHATS = {
    "direct": Chat(path="", prompt_field="prompt", session_field=""),
    "front-door": Chat(path="/chat", prompt_field="prompt", session_field=""),
    "two-doors": Chat(path="/chat"),
    "conversations": Chat(path="/api/chat"),
}


class Watching(Struct, frozen=True):
    """Who is told what happens: `target` with a sentence when one begins, `row` after each attack."""

    target: Callable[[str], None]
    row: Callable[[Row], None]


def chosen(only: Iterable[str]) -> list[Attack]:
    """All attacks, or those of these ids. `ConfigurationError` for an id that does not exist."""
    attacks = all_attacks()
    wanted = set(only)
    unknown = wanted - {attack.id for attack in attacks}
    if unknown:
        raise ConfigurationError(f"There is no attack {', '.join(sorted(unknown))}.", code="unknown_attack")
    return [attack for attack in attacks if not wanted or attack.id in wanted]


async def probe_patterns(patterns: Sequence[str], attacks: Sequence[Attack], watching: Watching) -> list[Report]:
    """Start a house of each pattern, attack it, end it."""
    reports = []
    for pattern in patterns:
        watching.target(f"Attacking a fresh house of pattern {pattern}.")
        async with _house(pattern) as target:
            reports.append(await run(target, attacks, Bounds(), watching.row))
    return reports


async def probe_targets(
    targets: Sequence[Target], attacks: Sequence[Attack], watching: Watching, *, key: Ed25519PrivateKey | None
) -> list[Report]:
    """Attack running deployments. `ConfigurationError` (``ownership_unproven``), before any attack on any of them, when
    a host is not loopback and not proven to be the operator's."""
    names = [target.name for target in targets]
    if len(set(names)) != len(names):
        raise ConfigurationError("Two targets have the same name.", code="invalid_setting")
    for target in targets:
        await require_ownership(target, key, now=time.time())
    reports = []
    for target in targets:
        watching.target(f"Attacking {target.name}.")
        bounds = await require_ownership(target, key, now=time.time())
        reports.append(await run(target, attacks, bounds, watching.row))
    return reports


def target_of(ready: JsonObject, *, logs: Iterable[Path] = (), canary: str = CANARY) -> Target:
    """A house of ours as its ready file describes it. In `direct` users call the agent door itself. `canary` is what
    its agent says to "hello"."""
    pattern = ready["pattern"]
    return Target(
        name=pattern,
        pattern=pattern,
        front_door="" if pattern == "direct" else ready["front_door"],
        agent_door=ready["agent_door"],
        agent_arn=ready["agent_arn"],
        whoami="" if pattern == "direct" else "/api/me",
        history="/api/conversations" if pattern == "conversations" else "",
        sign_in=SignIn(
            kind="code",
            issuer=ready["issuer"],
            authorize_endpoint=ready["authorize_endpoint"],
            token_endpoint=ready["token_endpoint"],
            client_id=ready["client_id"],
            redirect_uri=ready["redirect_uri"],
        ),
        chat=replace(_CHATS[pattern], canary=canary),
        users=tuple(Account(username=user["username"], password=Secret(user["password"])) for user in ready["users"]),
        workload=_workload(ready["workload"]) if pattern in ("two-doors", "conversations") else None,
        metrics=tuple(ready.get("metrics", ())),
        logs=tuple(str(log) for log in logs),
    )


def _workload(given: JsonObject) -> Workload:
    return Workload(
        region=given["region"],
        access_key_id=given["access_key_id"],
        secret_access_key=Secret(given["secret_access_key"]),
    )


@asynccontextmanager
async def _house(pattern: str) -> AsyncIterator[Target]:
    """A house of its own process, with free ports and a data folder that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="doorward-probe-") as name:
        folder = Path(name)
        (folder / "doorward.toml").write_text(_CONFIGURATION, encoding="utf-8")
        ready_file, log = folder / "ready.json", folder / "house.log"
        options = ["--pattern", pattern, "--port", "0", "--agent-port", "0", "--data", str(folder / "data")]
        options += ["--config", str(folder / "doorward.toml"), "--ready-file", str(ready_file)]
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "doorward", "up", *options),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=environment_without_settings(),
                cwd=folder,
            )
        try:
            yield target_of(await _ready(process, ready_file, log), logs=[log])
        finally:
            await _end(process)


async def _ready(process: asyncio.subprocess.Process, file: Path, log: Path) -> JsonObject:
    try:
        async with asyncio.timeout(_START_SECONDS):
            while (ready := _read(file)) is None:
                if process.returncode is not None:
                    raise ConfigurationError(f"The house did not start: {_last(log)}", code="house_not_started")
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise ConfigurationError(
            f"The house was not ready after {_START_SECONDS:.0f} s.", code="house_not_started"
        ) from None
    return ready


def _read(file: Path) -> JsonObject | None:
    """The ready file, which appears whole."""
    return msgspec.json.decode(file.read_bytes(), type=JsonObject) if file.exists() else None


def _last(log: Path) -> str:
    return " ".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:])


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
