"""Who may be attacked: loopback, and hosts whose claim holds. Everything else is refused before anything is sent."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from doorward.errors import ConfigurationError
from doorward.probe.ownership import (
    FOREIGN_PER_SECOND,
    FOREIGN_SECONDS,
    WELL_KNOWN,
    claim_fault,
    claim_text,
    foreign_hosts,
    is_loopback,
    require_ownership,
)
from doorward.probe.target import SignIn, Target

pytestmark = pytest.mark.anyio
KEY = Ed25519PrivateKey.generate()
NOW = 1_800_000_000.0


@asynccontextmanager
async def _site(body: str, status: int = 200) -> AsyncIterator[tuple[str, list[str]]]:
    """A host that answers everything with `body`; its origin, and the paths that it was asked for."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode())
        head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body.encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}", asked


def _only_the_address_is_local(host: str) -> bool:
    """So that ``localhost`` can play a foreign host without any traffic to outside."""
    return host == "127.0.0.1"


async def _require(front_door: str, key: Ed25519PrivateKey | None = KEY):
    target = Target(name="t", front_door=front_door, agent_urls=("http://127.0.0.1:9/x",))
    return await require_ownership(target, key, now=time.time(), is_local=_only_the_address_is_local)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["example.org", "localhost.example.org", "127.0.0.1.example.org", "10.0.0.1", "0.0.0.1", "169.254.169.254", ""],
)
def test_other_hosts_are_not(host: str) -> None:
    assert not is_loopback(host)


async def test_loopback_needs_no_proof_and_no_key() -> None:
    bounds = await require_ownership(Target(name="t", front_door="http://127.0.0.1:9"), None, now=NOW)
    assert bounds.per_second == 0


async def test_a_foreign_host_with_a_claim_is_attacked_slowly_and_not_for_long() -> None:
    async with _site(claim_text("localhost", KEY, now=time.time())) as (origin, asked):
        bounds = await _require(origin)
    assert asked == [WELL_KNOWN]
    assert (bounds.per_second, bounds.seconds) == (FOREIGN_PER_SECOND, FOREIGN_SECONDS)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: claim_text("localhost", Ed25519PrivateKey.generate(), now=time.time()), "another key"),
        (lambda: claim_text("example.org", KEY, now=time.time()), "another host"),
        (lambda: claim_text("localhost", KEY, now=time.time() - 8 * 86400), "expired"),
        (lambda: "<html>it works</html>", "not a claim"),
        (lambda: "", "not a claim"),
    ],
)
async def test_a_foreign_host_whose_claim_does_not_hold_is_refused(make: Callable[[], str], why: str) -> None:
    async with _site(make()) as (origin, _):
        with pytest.raises(ConfigurationError, match=why) as refused:
            await _require(origin)
    assert refused.value.code == "ownership_unproven"


@pytest.mark.parametrize("status", [404, 302, 500])
async def test_a_foreign_host_that_publishes_nothing_is_refused(status: int) -> None:
    async with _site(claim_text("localhost", KEY, now=time.time()), status) as (origin, _):
        with pytest.raises(ConfigurationError, match=str(status)):
            await _require(origin)


async def test_without_a_key_nothing_is_even_fetched() -> None:
    async with _site("") as (origin, asked):
        with pytest.raises(ConfigurationError, match="--claim localhost"):
            await _require(origin, None)
    assert asked == []


async def test_a_foreign_host_that_does_not_answer_is_refused() -> None:
    async with _site("") as (origin, _):
        pass
    with pytest.raises(ConfigurationError, match="cannot be reached"):
        await _require(origin)


def test_every_address_of_a_target_counts() -> None:
    """Also that of the sign-in: its form is attacked too."""
    hosts = foreign_hosts(
        [
            "http://127.0.0.1:1",
            "https://a.example/x",
            "https://a.example:8443",
            "wss://b.example/ws",
            "http://c@d.example",
        ]
    )
    assert hosts == {
        "a.example": ["https://a.example", "https://a.example:8443"],
        "b.example": ["https://b.example"],
        "d.example": ["http://d.example"],
    }


async def test_an_issuer_elsewhere_needs_a_proof_as_well() -> None:
    target = Target(name="t", front_door="http://127.0.0.1:9", sign_in=SignIn(issuer="https://login.example"))
    with pytest.raises(ConfigurationError, match=r"login\.example"):
        await require_ownership(target, None, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("expires: 2027", "expires: 2099"),
        lambda text: text.replace("host: a.example", "host: b.example"),
        lambda text: text.rpartition("signature: ")[0] + "signature: AAAA\n",
        lambda text: text.rpartition("signature: ")[0],
        lambda text: "more\n" + text,
    ],
)
def test_a_changed_claim_proves_nothing(change: Callable[[str], str]) -> None:
    text = claim_text("a.example", KEY, now=NOW)
    assert claim_fault(text, "a.example", KEY, now=NOW) == ""
    assert claim_fault(text.replace("\n", "\r\n"), "a.example", KEY, now=NOW) == ""
    for host in ("a.example", "b.example"):
        assert claim_fault(change(text), host, KEY, now=NOW)


@pytest.mark.parametrize("host", ["https://a.example", "a.example/x", "a.example:80", "", "a b"])
def test_a_claim_is_for_a_host_and_nothing_else(host: str) -> None:
    with pytest.raises(ConfigurationError):
        claim_text(host, KEY, now=NOW)
