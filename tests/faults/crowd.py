"""Many clients at once on plain asyncio streams, and one call that is signed as a workload signs it."""

import asyncio
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2
import msgspec
from bench.machine import resident_bytes
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.journey.house import House
from tests.journey.talking import Headers

ARN = "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/hello"
SESSION = "f" * 36


def signed_call(house: House, body: bytes) -> Callable[[], int]:
    """A call of the agent, signed once with the chat service's key; sending it gives the status, 0 if it broke off."""
    key = msgspec.json.decode((house.data / "keys" / "workload-chat.json").read_bytes())
    agent = ARN.replace(":", "%3A").replace("/", "%2F")
    url = f"{house.ready['agent_door']}/runtimes/{agent}/invocations?qualifier=DEFAULT"
    headers = {"content-type": "application/json", "x-amzn-bedrock-agentcore-runtime-session-id": SESSION}
    request = AWSRequest("POST", url, data=body, headers=headers)
    SigV4Auth(Credentials(key["access_key_id"], key["secret_access_key"]), "bedrock-agentcore", "us-east-1").add_auth(
        request
    )

    def send() -> int:
        try:
            return httpx2.post(
                url, content=body, headers=dict(request.headers), timeout=30, trust_env=False
            ).status_code
        except httpx2.TransportError:
            return 0

    return send


@dataclass
class Seen:
    """What a crowd has seen."""

    bytes_each: float = 0.0
    heartbeats: int = 0
    p99: float = 0.0
    closed: int = 0
    whole: int = 0
    seconds: float = 0.0
    begun: int = 0


class Crowd:
    """Clients of one house in one user's name."""

    def __init__(self, house: House, mine: Headers, turn: str) -> None:
        self._house = house
        self._mine = mine
        self._turn = turn
        parts = urlsplit(house.front_door)
        self._address = (str(parts.hostname), int(parts.port or 80))

    async def idle(self, count: int) -> Seen:
        """So many streams that follow the turn: what they cost, whether they hear heartbeats, how others fare."""
        seen = Seen()
        pid = self._house.pid("gateway")
        streams = [await self._opened("GET", f"/api/turns/{self._turn}/events?after=1") for _ in range(50)]
        before = resident_bytes(pid)
        streams += [await self._opened("GET", f"/api/turns/{self._turn}/events?after=1") for _ in range(count - 50)]
        seen.bytes_each = (resident_bytes(pid) - before) / (count - 50)
        beats = [asyncio.create_task(heard(reader, b": heartbeat")) for reader, _ in streams]
        times = []
        for _ in range(200):
            begun = time.perf_counter()
            reader, writer = await self._opened("GET", "/api/me", stream=False)
            times.append(time.perf_counter() - begun)
            writer.close()
            del reader
        seen.p99 = statistics.quantiles(times, n=100)[98]
        async with asyncio.timeout(60):
            seen.heartbeats = sum(await asyncio.gather(*beats))
        for _, writer in streams:
            writer.close()
        return seen

    async def replaced(self, count: int, message: str, stop: Callable[[], None]) -> Seen:
        """So many turns that stream when the gateway is stopped; each reader goes on at the next one."""
        seen = Seen()
        body = msgspec.json.encode({"message": message})
        self._all_begun, self._all_told = asyncio.Event(), asyncio.Event()
        clients = [asyncio.create_task(self._turned(body, seen, count)) for _ in range(count)]
        async with asyncio.timeout(120):
            await self._all_begun.wait()
        await asyncio.to_thread(stop)
        begun = time.monotonic()
        async with asyncio.timeout(60):
            await self._all_told.wait()
        seen.seconds = time.monotonic() - begun
        async with asyncio.timeout(90):
            await asyncio.gather(*clients)
        return seen

    async def _turned(self, body: bytes, seen: Seen, count: int) -> None:
        reader, writer = await self._opened("POST", "/api/chat", body)
        turn, numbers, told = "", list[int](), b""
        while not (line := await reader.readline()).startswith(b"id: 5"):
            turn = turn or _turn_in(line)
            numbers += _number_in(line)
        numbers.append(5)
        seen.begun += 1
        if seen.begun == count:
            self._all_begun.set()
        while line := await reader.readline():
            told += line
            numbers += _number_in(line)
        writer.close()
        seen.closed += b"event: server_closing" in told
        if seen.closed == count:
            self._all_told.set()
        while b"RUN_FINISHED" not in told:
            with suppress(OSError):
                again, writer = await self._opened("GET", f"/api/turns/{turn}/events?after={numbers[-1]}")
                while line := await again.readline():
                    told += line
                    numbers += _number_in(line)
                writer.close()
            await asyncio.sleep(0.05)
        seen.whole += numbers == list(range(1, len(numbers) + 1))

    async def _opened(
        self, method: str, path: str, body: bytes = b"", *, stream: bool = True
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self._address)
        accept = "text/event-stream" if stream else "application/json"
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._address[0]}:{self._address[1]}\r\nAccept: {accept}\r\n"
        head += f"Authorization: {self._mine['authorization']}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"\r\n" + body)
        status = await reader.readline()
        if b" 200 " not in status:
            writer.close()
            raise OSError(status.decode())
        return reader, writer


async def heard(reader: asyncio.StreamReader, wanted: bytes) -> bool:
    """Read on until a line begins so."""
    while line := await reader.readline():
        if line.startswith(wanted):
            return True
    return False


def _number_in(line: bytes) -> list[int]:
    return [int(line[4:])] if line.startswith(b"id: ") else []


def _turn_in(line: bytes) -> str:
    name, _, value = line.decode("latin-1").partition(":")
    return value.strip() if name.lower() == "x-turn-id" else ""
