"""The chat model by its name. Providers are imported only when one is named, and only in the worker."""

import importlib
from typing import Any

from doorward.runtime.wire import WorkerConfig
from doorward.runtime.worker.breaker_call import BreakerCall
from doorward.runtime.worker.guarded_model import guarded

REHEARSAL = "rehearsal"
# Integrations whose class has `max_retries` and `timeout`; with others, their client's own attempts come on top.
_TAKE_BOUNDS = frozenset({"openai", "azure_openai", "anthropic", "groq", "mistralai", "google_genai"})


def chat_model(config: WorkerConfig) -> Any:  # noqa: ANN401  # naming its class would import LangChain
    """A LangChain chat model: the rehearsal model, a model behind an OpenAI-compatible URL, or whatever LangChain's
    `init_chat_model` makes of ``provider:name``, guarded. Keys come from the environment variables that were passed on.
    """
    if config.model == REHEARSAL:
        return importlib.import_module("doorward.runtime.worker.rehearsal").RehearsalChatModel()
    return guarded(_provided(config), config.limits.model, BreakerCall(config.state_socket))


def _provided(config: WorkerConfig) -> Any:  # noqa: ANN401  # as above
    # The guard makes the attempts: a client that made its own would multiply them.
    bounds: dict[str, Any] = {"max_retries": 0, "timeout": config.limits.model.deadline}
    if config.model_url:
        openai = importlib.import_module("langchain_openai")
        key: dict[str, Any] = {} if config.model_key else {"api_key": "none"}
        name = config.model.removeprefix("openai:")
        return openai.ChatOpenAI(model=name, base_url=config.model_url, stream_usage=True, **key, **bounds)
    provider = config.model.partition(":")[0]
    given = bounds if provider in _TAKE_BOUNDS else {}
    return importlib.import_module("langchain.chat_models").init_chat_model(config.model, **given)
