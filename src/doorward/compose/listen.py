"""Listening sockets, bound before any child starts: a restarted child listens where the dead one did."""

import socket

from msgspec.structs import replace

from doorward.errors import ConfigurationError
from doorward.model.settings import Settings

_BACKLOG = 2048


def bind(host: str, port: int, *, setting: str) -> socket.socket:
    """A listening TCP socket. `ConfigurationError` (``port_taken``, ``address_unusable``) names the setting."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if isinstance(error, PermissionError) or error.errno == 98:
            raise ConfigurationError(
                f"Port {port} on {host} is taken or not allowed. Choose another with {setting}.", code="port_taken"
            ) from error
        raise ConfigurationError(
            f"{host}:{port} cannot be listened on ({error.strerror}). See {setting}.", code="address_unusable"
        ) from error
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def port_of(listener: socket.socket) -> int:
    """The port it is bound to."""
    return int(listener.getsockname()[1])


def url_of(host: str, port: int) -> str:
    """How a process on this machine reaches a listener."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def with_addresses(settings: Settings, *, gateway_port: int, agent_port: int) -> Settings:
    """The settings with real ports, and every URL that was left empty filled in."""
    gateway, agent = settings.gateway, settings.agent
    return replace(
        settings,
        gateway=replace(
            gateway,
            port=gateway_port,
            public_url=(gateway.public_url or url_of(gateway.host, gateway_port)).rstrip("/"),
        ),
        agent=replace(agent, port=agent_port, url=(agent.url or url_of(agent.host, agent_port)).rstrip("/")),
    )
