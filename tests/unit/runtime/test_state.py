"""The state service on its real socket."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from doorward.runtime.breaker import BreakerOptions, ModelBreaker
from doorward.runtime.sessions import Invocation, Invocations, SessionKey
from doorward.runtime.state import StateApp, StateService
from doorward.runtime.wire import INVOCATION_HEADER, MAX_STATE_BYTES
from doorward.stores.sqlite.open import open_runtime

pytestmark = pytest.mark.anyio

KEY = SessionKey("ann", "hello", "s")


OPTIONS = BreakerOptions(failures=2, pause=60.0, probe_time=60.0)


class Service:
    def __init__(self, http: aiohttp.ClientSession, invocations: Invocations) -> None:
        self.http = http
        self.invocations = invocations

    def begin(self, key: SessionKey = KEY) -> Invocation:
        return self.invocations.begin(key, 60)

    async def get(self, handle: str, path: str = "/state") -> tuple[int, bytes]:
        async with self.http.get(f"http://runtime{path}", headers={INVOCATION_HEADER: handle}) as response:
            return response.status, await response.read()

    async def put(self, handle: str, body: bytes, path: str = "/state") -> int:
        async with self.http.put(
            f"http://runtime{path}", headers={INVOCATION_HEADER: handle}, data=io.BytesIO(body)
        ) as response:
            return response.status


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    stores = open_runtime(tmp_path / "runtime.db")
    invocations = Invocations()
    socket = str(tmp_path / "state.sock")
    state = StateService(StateApp(stores.checkpoints, invocations, ModelBreaker(OPTIONS)), socket)
    await state.start()
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=socket)) as http:
        yield Service(http, invocations)
    for one in invocations.all():
        invocations.end(one)
    await state.close()
    await asyncio.to_thread(stores.close)


async def test_keeps_the_state_of_a_session(service: Service) -> None:
    first = service.begin()
    assert await service.get(first.handle) == (404, b"")
    assert await service.put(first.handle, b"\x00state") == 204
    service.invocations.end(first)
    assert await service.get(service.begin().handle) == (200, b"\x00state")


async def test_refuses_a_handle_that_is_unknown_or_over(service: Service) -> None:
    """AP-RUN-01"""
    over = service.begin()
    await service.put(over.handle, b"kept")
    service.invocations.end(over)
    for handle in ("", "guess", over.handle):
        assert await service.get(handle) == (403, b"")
        assert await service.put(handle, b"overwritten") == 403
    assert await service.get(service.begin().handle) == (200, b"kept")


async def test_a_handle_reaches_the_state_of_its_own_session_alone(service: Service) -> None:
    """AP-SES-02"""
    mine, other = service.begin(), service.begin(SessionKey("bob", "hello", "s"))
    await service.put(mine.handle, b"mine")
    assert await service.get(other.handle) == (404, b"")


async def test_refuses_a_state_that_is_too_large(service: Service) -> None:
    running = service.begin()
    assert await service.put(running.handle, bytes(MAX_STATE_BYTES + 1)) == 413
    assert await service.get(running.handle) == (404, b"")


async def test_serves_nothing_else(service: Service) -> None:
    assert await service.get(service.begin().handle, "/other") == (404, b"")


async def test_a_worker_asks_the_breaker_with_the_handle_of_what_it_runs(service: Service) -> None:
    running = service.begin()
    go, stop = b'{"go":true,"watched":false}', b'{"go":false,"watched":false}'
    assert await service.get(running.handle, "/model") == (200, go)
    for _ in range(2):
        assert await service.put(running.handle, b'{"code":"model_unavailable"}', "/model") == 200
    assert await service.get(running.handle, "/model") == (200, stop)
    assert await service.put(running.handle, b"nonsense", "/model") == 400
    assert await service.put(running.handle, b"x" * 2000, "/model") in (400, 413)
    other = service.begin(SessionKey("another", "hello", "s"))
    assert await service.get(other.handle, "/model") == (200, go.replace(b"false", b"true"))
    service.invocations.end(running)
    assert (await service.get(running.handle, "/model"))[0] == 403
    assert await service.put(running.handle, b'{"code":""}', "/model") == 403
