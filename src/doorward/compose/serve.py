"""`doorward serve`: one process alone, with sockets of its own."""

from doorward.compose.listen import bind, port_of, with_addresses
from doorward.compose.process import Listeners, run
from doorward.compose.safety import require_safe
from doorward.compose.settings import Loaded
from doorward.model.chat import JsonObject


def serve(name: str, loaded: Loaded) -> int:
    """Run ``gateway`` or ``runtime`` until SIGINT or SIGTERM. Returns the exit status."""
    settings = loaded.settings
    require_safe(settings)
    operator_host = settings.gateway.operator_host
    gateway_port, agent_port = settings.gateway.port, settings.agent.port
    listeners: Listeners
    if name == "gateway":
        listeners = {
            "front_door": bind(settings.gateway.host, gateway_port, setting="--port"),
            "operator": bind(operator_host, settings.gateway.operator_port, setting="gateway.operator_port"),
        }
        gateway_port = port_of(listeners["front_door"])
    else:
        listeners = {
            "agent_door": bind(settings.agent.host, agent_port, setting="--agent-port"),
            "operator": bind(operator_host, settings.agent.operator_port, setting="agent.operator_port"),
        }
        agent_port = port_of(listeners["agent_door"])
    settings = with_addresses(settings, gateway_port=gateway_port, agent_port=agent_port)
    return run(name, Loaded(settings, loaded.sources), listeners, _quiet, watch_stdin=False)


def _quiet(ready: JsonObject) -> None:
    """Nobody listens; the log says that it is ready."""
