"""The supervisor's side of the self-test: hands a running house to a process of its own, and says what it found.

`compose.up` starts it in the background once the house answers. It loads nothing heavy: `compose.self_tester` does.
"""

import asyncio
import ipaddress
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from doorward.compose.settings import encode_secret
from doorward.model.chat import JsonObject
from doorward.model.settings import Settings

_SECONDS = 60.0


async def self_test(settings: Settings, ready: JsonObject, say: Callable[[str], None]) -> None:
    """Run the short attacks against the house that `ready` describes, and say one line. When this is cancelled, so is
    the test."""
    if not settings.gateway.self_test:
        return
    reason = why_not(settings, ready)
    if reason:
        say(f"Self-test skipped: {reason}.")
        return
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "doorward.compose.self_tester"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    orders = {"settings": msgspec.to_builtins(settings, enc_hook=encode_secret), "ready": ready}
    try:
        async with asyncio.timeout(_SECONDS):
            said, broke = await process.communicate(msgspec.json.encode(orders))
        say(said.decode().strip() or f"Self-test could not be run{_kind_of(broke)}.")
    except TimeoutError:
        say(f"Self-test could not be run: it was not done after {_SECONDS:.0f} s.")
    finally:
        if process.returncode is None:
            process.kill()


def why_not(settings: Settings, ready: JsonObject) -> str:
    """Why this house cannot test itself; empty when it can."""
    if settings.sign_in.issuer:
        return "users sign in at another issuer; use doorward probe --target"
    if not ready["users"]:
        return "no user's password is known here; use doorward probe --target"
    hosts = [urlsplit(url).hostname or "" for url in (ready["front_door"], ready["agent_door"])]
    if not all(_is_loopback(host) for host in hosts):
        return "the house is reached under another name; use doorward probe --target"
    return ""


def _kind_of(broke: bytes) -> str:
    """The kind of the error in the last line of a traceback; its text may hold anything."""
    lines = broke.decode(errors="replace").strip().splitlines()
    return f" ({lines[-1].partition(':')[0]})" if lines else ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
