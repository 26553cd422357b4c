"""A house that `doorward probe` starts for itself, with its own process, free ports and a data folder that is thrown
away; and what the probe is told about it, as its owner would in `probe.toml`."""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from doorward.compose.first_users import first_users
from doorward.compose.house import PROGRAM_CLIENT, Places
from doorward.compose.issuing import embedded_sign_in
from doorward.compose.listen import bind, port_of, with_addresses
from doorward.compose.settings import environment_without_settings, load
from doorward.errors import ConfigurationError
from doorward.identity.key_files import add_sign_in_key, load_or_create_sign_in_keys
from doorward.model.chat import JsonObject
from doorward.model.secret import Secret
from doorward.model.settings import Settings
from doorward.probe.target import Account, Chat, SignIn, Target, Workload
from doorward.sign_in.accounts import FIRST_OPERATOR
from doorward.sign_in.routes import tokens_of
from doorward.sign_in.tokens import Grant
from doorward.stores.sqlite.open import open_gateway

# What the rehearsal model says to "hello", and nothing else of the house does.
CANARY = "I am the rehearsal model"
_SLOW = "please wait 2 seconds"
_CONFIGURATION = """
[gateway]
operator_port = 0
self_test = false

[agent]
operator_port = 0
# The attacks are on the doors: what a queue for processes holds up behind them would hide what a pattern lets through.
isolation = "shared"
"""
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_CHATS = {
    "direct": Chat(path="", prompt_field="prompt", session_field="", slow_prompt=_SLOW),
    "front-door": Chat(path="/chat", prompt_field="prompt", slow_prompt=_SLOW),
    "two-doors": Chat(path="/chat", slow_prompt=_SLOW),
    "conversations": Chat(path="/api/chat", slow_prompt=_SLOW),
}


class Keys(Struct, frozen=True, kw_only=True):
    """What only an owner has: the issuer's signing key as a JWK, and a token of the key before it."""

    signing: Secret
    retired_token: Secret


@asynccontextmanager
async def probe_house(pattern: str) -> AsyncIterator[Target]:
    """Start it, give the target, end it. `ConfigurationError` (``house_not_started``)."""
    with tempfile.TemporaryDirectory(prefix="doorward-probe-") as name:
        folder = Path(name)
        keys, options = await _prepared(folder, pattern)
        ready_file, log = folder / "ready.json", folder / "house.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "doorward", "up", *options, "--ready-file", str(ready_file)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,  # what it tells a person: the first users' passwords, once
                stderr=output,
                env=environment_without_settings(),
                cwd=folder,
            )
        try:
            target = target_of(await _ready(process, ready_file, log), logs=[log])
            yield replace(target, issuer_key=keys.signing, retired_token=keys.retired_token)
        finally:
            await _end(process)


def target_of(ready: JsonObject, *, logs: Iterable[Path] = (), canary: str = CANARY) -> Target:
    """A house of ours as its ready file describes it. In `direct` users call the agent door itself. `canary` is what
    its agent says to "hello"."""
    pattern = ready["pattern"]
    signed = pattern in ("two-doors", "conversations")
    target = Target(
        name=pattern,
        pattern=pattern,
        agent_door=ready["agent_door"],
        agent_arn=ready["agent_arn"],
        sign_in=SignIn(
            kind="code",
            issuer=ready["issuer"],
            authorize_endpoint=ready["authorize_endpoint"],
            token_endpoint=ready["token_endpoint"],
            client_id=ready["client_id"],
            redirect_uri=ready["redirect_uri"],
        ),
        chat=replace(_CHATS[pattern], canary=canary),
        users=tuple(
            Account(username=user["username"], password=Secret(user["password"]))
            for user in ready["users"]
            if user["username"] != FIRST_OPERATOR
        ),
        workload=_workload(ready["workload"]) if signed else None,
        metrics=tuple(ready.get("metrics", ())),
        logs=tuple(str(log) for log in logs),
    )
    return target if pattern == "direct" else _with_front_door(target, ready["front_door"])


def _with_front_door(target: Target, url: str) -> Target:
    remembers = target.pattern == "conversations"
    return replace(
        target,
        front_door=url,
        whoami="/api/me",
        history="/api/conversations" if remembers else "",
        turns="/api/turns" if remembers else "",
        session_sign_in="/session/sign-in",
        session_sign_out="/session/sign-out",
    )


def _workload(given: JsonObject) -> Workload:
    return Workload(
        region=given["region"],
        access_key_id=given["access_key_id"],
        secret_access_key=Secret(given["secret_access_key"]),
    )


async def _prepared(folder: Path, pattern: str) -> tuple[Keys, list[str]]:
    """The configuration, the first users, and a change of the issuer's key; with the options for `doorward up`."""
    file = folder / "doorward.toml"
    file.write_text(_CONFIGURATION, encoding="utf-8")
    data, port = str(folder / "data"), _free_port()
    given = {"pattern": pattern, "data": data, "gateway.port": port}
    settings = with_addresses(load(file=file, environ={}, options=given).settings, gateway_port=port, agent_port=0)
    options = ["--pattern", pattern, "--port", str(port), "--agent-port", "0", "--data", data, "--config", str(file)]
    return await _with_keys_changed(settings), options


async def _with_keys_changed(settings: Settings) -> Keys:
    """Make the users, sign a token for the first, then replace the key that signed it."""
    places = Places(settings)
    stores = open_gateway(places.gateway_store)
    try:
        sign_in = embedded_sign_in(settings, stores)
        await first_users(settings, sign_in)
        account = next(each for each in await sign_in.accounts.list() if each.username != FIRST_OPERATOR)
        grant = Grant(client_id=PROGRAM_CLIENT, scope="openid email profile", auth_time=time.time())
        retired = tokens_of(sign_in).access(account, grant)
    finally:
        stores.close()
    (old,) = places.keys.glob("sign-in-[0-9]*.json")
    add_sign_in_key(places.keys)
    old.unlink()
    key = load_or_create_sign_in_keys(places.keys)[0]
    signing = msgspec.json.encode(key.as_dict(private=True)).decode()
    return Keys(signing=Secret(signing), retired_token=Secret(retired))


def _free_port() -> int:
    """The issuer's name holds the port, so it has to be known before the house takes it."""
    with bind("127.0.0.1", 0, setting="--port") as listener:
        return port_of(listener)


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
