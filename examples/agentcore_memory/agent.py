"""The same graph as an application of the AgentCore SDK: what AgentCore Runtime runs, and Doorward too.

Who the user is and which conversation it is are never taken from what the user sent: the session is the runtime's, and
the user stands in the turn token, which only the service in front of the runtime can have sent.
"""

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from functools import cache
from typing import Any

from bedrock_agentcore import BedrockAgentCoreApp, RequestContext
from graph import agent, parameters
from langchain.chat_models import init_chat_model
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import Runnable

TURN_TOKEN = "x-amzn-bedrock-agentcore-runtime-custom-turn-token"  # noqa: S105 - the name of a header

app = BedrockAgentCoreApp()


@cache
def graph() -> Runnable[Any, Any]:
    """The graph with the model that the parameter names, as LangChain's init_chat_model takes it."""
    return agent(init_chat_model(parameters()["model"]))


def actor_of(context: RequestContext) -> str:
    """The user's key, as Doorward's stores have it; without a user the session is its own actor."""
    headers = {name.lower(): value for name, value in (context.request_headers or {}).items()}
    token = headers.get(TURN_TOKEN)
    if token is None:
        return context.session_id
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return hashlib.sha256(f"{claims['user_iss']}\0{claims['sub']}".encode()).hexdigest()[:32]


@app.entrypoint
async def invoke(payload: dict, context: RequestContext) -> AsyncIterator[str]:
    """Answer one prompt, as its words come."""
    place = {"configurable": {"thread_id": context.session_id, "actor_id": actor_of(context)}}
    prompt = {"messages": [{"role": "user", "content": str(payload["prompt"])}]}
    async for message, _ in graph().astream(prompt, place, stream_mode="messages"):
        if isinstance(message, AIMessageChunk) and message.text:
            yield message.text


if __name__ == "__main__":
    app.run()
