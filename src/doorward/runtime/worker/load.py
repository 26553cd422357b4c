"""Loads the agent's file and finds the agent in it. What cannot be hosted is an `AgentFileError` with file and line."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from doorward.runtime.worker.adapters import is_agentcore_app, is_hostable
from doorward.runtime.worker.agent_error import AgentFileError, agent_file_error

MODULE = "doorward_agent"
NAMES = ("agent", "graph", "app", "main", "invoke")


def load_agent(file: str, attribute: str) -> object:
    """The agent: `attribute` if given; else a `BedrockAgentCoreApp` with an entrypoint, for its file is written for
    AgentCore; else the first of agent, graph, app, main, invoke that can be hosted."""
    module = _import(file)
    if attribute:
        found = getattr(module, attribute, None)
        if found is None or not is_hostable(found):
            raise AgentFileError("NotAnAgent", file, f"{attribute} is not there or is nothing that can be hosted.")
        return found
    for value in vars(module).values():
        if is_agentcore_app(value):
            return value
    for name in NAMES:
        if is_hostable(value := getattr(module, name, None)):
            return value
    raise AgentFileError("NotAnAgent", file, f"There is no agent in it; looked for {', '.join(NAMES)}.")


def _import(file: str) -> ModuleType:
    # Neighbours of the file can be imported as when it is run directly.
    sys.path.insert(0, str(Path(file).parent))
    spec = importlib.util.spec_from_file_location(MODULE, file)
    if spec is None or spec.loader is None:
        raise AgentFileError("NotPython", file, "It is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise AgentFileError("SyntaxError", error.filename or file, error.msg, line=error.lineno or 0) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # process edge: foreign code runs here
        raise agent_file_error(error, file) from None
    return module
