"""Proof that whoever runs the probe owns what it attacks. Loopback needs none; every other host has to publish a claim
that was signed with the operator's own key. `compose` calls it before the first attack.

A claim is a text file of five lines: what it is, the host, the public key, until when, and an Ed25519 signature
(RFC 8032) over the lines before it. Whoever copies another's claim gains nothing: the probe verifies with its own key.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from doorward.errors import ConfigurationError
from doorward.probe.target import Target
from doorward.probe.wire import Bounds, ProbeError, Wire

WELL_KNOWN = "/.well-known/doorward-probe.txt"
CLAIM_SECONDS = 7 * 86400.0
FOREIGN_PER_SECOND = 20.0
FOREIGN_SECONDS = 600.0
_FIRST_LINE = "doorward-probe 1"
_LARGEST = 4096
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:]{2,39}")


def is_loopback(host: str) -> bool:
    """Whether a host name stands for this machine: ``localhost`` or a loopback address. Other names are not looked up:
    what a name resolves to may change between the look-up and the attack."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def claim_text(host: str, key: Ed25519PrivateKey, *, now: float, lifetime: float = CLAIM_SECONDS) -> str:
    """The file that the operator publishes at `WELL_KNOWN` of `host` (a name or an address, without port)."""
    if not _HOST.fullmatch(host):
        raise ConfigurationError(
            f"{host} is not a host's name: give it without scheme, port and path.", code="claim_invalid"
        )
    until = datetime.fromtimestamp(now + lifetime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    signed = f"{_FIRST_LINE}\nhost: {host.lower()}\nkey: {_public(key)}\nexpires: {until}\n"
    return f"{signed}signature: {_encoded(key.sign(signed.encode()))}\n"


def claim_fault(text: str, host: str, key: Ed25519PrivateKey, *, now: float) -> str:
    """Why this text does not prove that the holder of `key` owns `host`; empty when it does.

    INVARIANT: a claim of another host, another key or another time proves nothing.
    """
    signed, found, signature = text.replace("\r\n", "\n").partition("signature: ")
    lines = signed.splitlines()
    if not found or len(lines) != 4 or lines[0] != _FIRST_LINE:
        return "it is not a claim of the probe"
    if lines[2] != f"key: {_public(key)}":
        return "it was made with another key"
    try:
        key.public_key().verify(base64.b64decode(signature.strip() + "==", altchars=b"-_"), signed.encode())
        until = datetime.strptime(lines[3], "expires: %Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (InvalidSignature, binascii.Error):
        return "its signature does not hold"
    except ValueError:
        return "it does not say until when"
    if lines[1] != f"host: {host.lower()}":
        return "it is for another host"
    return "it has expired" if until.timestamp() <= now else ""


def urls_of(target: Target) -> list[str]:
    """Every address of the target that the probe may send to."""
    sign_in = target.sign_in
    urls = [target.front_door, target.agent_door, target.websocket_url, *target.agent_urls, *target.metrics]
    urls += [sign_in.issuer, sign_in.authorize_endpoint, sign_in.token_endpoint, sign_in.cognito_url]
    return [url for url in urls if url]


def foreign_hosts(urls: Iterable[str], is_local: Callable[[str], bool] = is_loopback) -> dict[str, list[str]]:
    """The hosts that need a proof, each with the origins (scheme, host and port) at which it may be published."""
    found: dict[str, list[str]] = {}
    for url in urls:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not is_local(host):
            origin = f"{parts.scheme.replace('ws', 'http')}://{parts.netloc.rpartition('@')[2]}"
            origins = found.setdefault(host, [])
            if origin not in origins:
                origins.append(origin)
    return found


async def require_ownership(
    target: Target, key: Ed25519PrivateKey | None, *, now: float, is_local: Callable[[str], bool] = is_loopback
) -> Bounds:
    """The bounds within which this target may be attacked. Fails closed: `ConfigurationError` (``ownership_unproven``)
    for a host whose claim is missing or does not hold, before anything else is sent to it."""
    hosts = foreign_hosts(urls_of(target), is_local)
    if not hosts:
        return Bounds()
    bounds = Bounds(per_second=FOREIGN_PER_SECOND, seconds=FOREIGN_SECONDS)
    for host, origins in hosts.items():
        if key is None:
            raise _unproven(host, "there is no key of yours yet")
        faults = [await _fault_at(origin, host, key, now) for origin in origins]
        if all(faults):
            raise _unproven(host, faults[0])
    return bounds


async def _fault_at(origin: str, host: str, key: Ed25519PrivateKey, now: float) -> str:
    parts = urlsplit(origin)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    wire = Wire(frozenset({f"{host}:{port}"}), Bounds(requests=1))
    try:
        reply = await wire.send("GET", origin + WELL_KNOWN)
    except ProbeError as error:
        return str(error)
    if reply.status != 200 or len(reply.body) > _LARGEST:
        return f"{origin}{WELL_KNOWN} answered {reply.status}"
    return claim_fault(reply.text, host, key, now=now)


def _unproven(host: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"It is not proven that {host} is yours: {why}. Run `doorward probe --claim {host}` and publish what it prints "
        f"at {WELL_KNOWN} of that host.",
        code="ownership_unproven",
    )


def _public(key: Ed25519PrivateKey) -> str:
    return _encoded(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
