"""AP-BYP-03."""

import ipaddress
import socket
from urllib.parse import urlsplit

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, succeeded
from doorward.probe.lab import Lab
from doorward.probe.wire import ProbeError, Reply, Wire

_CONNECT_SECONDS = 3.0


class ReachableAgent(Attack):
    """The agent's address, seen from where users are."""

    id = "AP-BYP-03"
    title = "The agent's endpoint can be reached from users' network"
    sources = ("API9", "CSA-L4")
    does = "Connects to the agent's port: at its given address, or, if that is loopback, at this machine's other ones."
    mend = "Listen on loopback, a Unix socket or a private network; a closed port needs no second check."
    order = 20

    async def applies(self, lab: Lab) -> str:
        """A machine with loopback alone has no other network to look from."""
        host, _ = _agent(lab)
        if not host:
            return "No address of the agent is known."
        if _is_loopback(host) and not _own_addresses():
            return "The agent is on loopback and this machine has no other address to look from."
        return ""

    async def attack(self, lab: Lab) -> Finding:
        """Loopback is judged on this machine; any other address by whether the probe, as a user would, gets there."""
        host, port = _agent(lab)
        if _is_loopback(host):
            return await _beside_loopback(lab, port)
        reply = await lab.knock([])
        sentence = "The agent answers where users are: only its own checks stand before it."
        if reply.status:
            return succeeded(sentence, reply)
        return blocked("The agent's address takes no request from here.", reply)


async def _beside_loopback(lab: Lab, port: int) -> Finding:
    inside = await lab.knock([])
    tried = []
    for address in _own_addresses():
        tried.append(address)
        reply = await _knock_at(lab, address, port)
        if reply is not None and reply.status and reply.status == inside.status:
            sentence = f"The agent also listens on {address}, an address of this machine's network."
            return succeeded(sentence, reply)
    return blocked(f"The agent's port is closed on this machine's other addresses ({', '.join(tried)}).", inside)


async def _knock_at(lab: Lab, address: str, port: int) -> Reply | None:
    """The same request at another address of this machine, with the same Host; None when nobody listens."""
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    parts = urlsplit(lab.agent_urls()[0])
    url = parts._replace(netloc=where).geturl()
    wire = Wire(frozenset({f"{address}:{port}"}), lab.bounds, timeout=_CONNECT_SECONDS)
    try:
        return await wire.send("POST", url, [("Host", parts.netloc), ("Content-Type", "application/json")], b"{}")
    except ProbeError:
        return None


def _agent(lab: Lab) -> tuple[str, int]:
    try:
        parts = urlsplit(lab.agent_urls()[0])
    except ProbeError:
        return "", 0
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _own_addresses() -> list[str]:
    """This machine's addresses by which it would reach others. Asking for them sends nothing."""
    found = []
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as way:
                way.connect((elsewhere, 9))
                address = str(way.getsockname()[0])
        except OSError:
            continue
        if not _is_loopback(address):
            found.append(address)
    return found
