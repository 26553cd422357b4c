"""The chat model by its name. Providers are imported only when one is named, and only in the worker."""

import importlib
from typing import Any

from doorward.runtime.wire import WorkerConfig

REHEARSAL = "rehearsal"


def chat_model(config: WorkerConfig) -> Any:  # noqa: ANN401  # naming its class would import LangChain
    """A LangChain chat model: the rehearsal model, a model behind an OpenAI-compatible URL, or whatever LangChain's
    `init_chat_model` makes of ``provider:name``. Keys come from the environment variables that were passed on."""
    if config.model == REHEARSAL:
        return importlib.import_module("doorward.runtime.worker.rehearsal").RehearsalChatModel()
    if config.model_url:
        openai = importlib.import_module("langchain_openai")
        key: dict[str, Any] = {} if config.model_key else {"api_key": "none"}
        name = config.model.removeprefix("openai:")
        return openai.ChatOpenAI(model=name, base_url=config.model_url, stream_usage=True, **key)
    return importlib.import_module("langchain.chat_models").init_chat_model(config.model)
