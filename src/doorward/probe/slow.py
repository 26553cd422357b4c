"""Clients that write one byte at a time and never finish; how long each is put up with."""

import asyncio
import time
from collections.abc import Awaitable
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from doorward.probe.lab import Lab
from doorward.probe.sign_in import FORM
from doorward.probe.surface import chat_request
from doorward.probe.wire import ProbeError, Reply, Sent

PATIENCE = 15.0
EACH = 6
_PAUSE = 0.4


class Slow(Struct, frozen=True):
    """One slow client: what it did slowly, and how it ended. `reply.seconds` is `PATIENCE` when it did not."""

    name: str
    reply: Reply
    closed: bool


class SlowClients:
    """Connections that were opened; `results` waits until all are closed or `PATIENCE` is over."""

    def __init__(self, tasks: list[asyncio.Task[Slow]]) -> None:
        self._tasks = tasks

    async def results(self) -> list[Slow]:
        """What became of each."""
        return list(await asyncio.gather(*self._tasks))


async def start(lab: Lab) -> SlowClients:
    """Open them all; they go on in the background."""
    chat = chat_request(lab)
    head, body = chat.head(), await _body(lab)
    clients: list[Awaitable[Slow]] = []
    for _ in range(EACH):
        clients.append(_client(lab, chat.origin, "slow headers", head))
        clients.append(_client(lab, chat.origin, "a slow body", body))
    return SlowClients([asyncio.ensure_future(_as_task(client)) for client in clients])


async def _body(lab: Lab) -> bytes:
    """The beginning of a request whose body never ends: at the token endpoint where the front door has it, since there
    nobody's turns are used up; else the chat of the last user."""
    chat, token_endpoint = chat_request(lab), urlsplit(lab.target.sign_in.token_endpoint)
    if f"{token_endpoint.scheme}://{token_endpoint.netloc}" == chat.origin:
        form = replace(chat, path=token_endpoint.path)
        return form.head(f"{FORM[0]}: {FORM[1]}", "Content-Length: 4096") + b"\r\ngrant_type="
    bearer = await lab.bearer(len(lab.target.users) - 1)
    lines = [f"{name}: {value}" for name, value in [bearer, *chat.headers]]
    return chat.head(*lines, "Content-Length: 4096") + b"\r\n{"


async def _as_task(client: Awaitable[Slow]) -> Slow:
    return await client


async def _client(lab: Lab, origin: str, name: str, beginning: bytes) -> Slow:
    sent = Sent(method="RAW", url=origin, raw=beginning)
    started = time.monotonic()
    try:
        reader, writer = await lab.wire.open(origin)
    except ProbeError:
        return Slow(name, Reply(sent=sent, status=0), closed=True)
    heard = b""
    try:
        writer.write(beginning)
        async with asyncio.timeout(PATIENCE):
            heard = await _dripped(reader, writer, b"a")
    except TimeoutError:
        return Slow(name, Reply(sent=sent, status=0, seconds=PATIENCE), closed=False)
    except OSError:
        pass  # closed: that is what we wait for
    finally:
        writer.close()
    return Slow(
        name, Reply(sent=sent, status=_status(heard), body=heard, seconds=time.monotonic() - started), closed=True
    )


async def _dripped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, byte: bytes) -> bytes:
    """Write a byte now and then until the other side answers or closes; what it said."""
    said = asyncio.ensure_future(reader.read(65536))
    try:
        while not said.done():
            writer.write(byte)
            await asyncio.wait([said], timeout=_PAUSE)
        return said.result()
    finally:
        said.cancel()


def _status(heard: bytes) -> int:
    first = heard[:12]
    return int(first[9:12]) if first.startswith(b"HTTP/1.") and first[9:12].isdigit() else 0
