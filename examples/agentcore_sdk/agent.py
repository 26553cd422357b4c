"""An agent written for the Amazon Bedrock AgentCore SDK: it answers as a stream and counts the turns of its session."""

from collections import Counter
from collections.abc import AsyncIterator

from bedrock_agentcore import BedrockAgentCoreApp, RequestContext

app = BedrockAgentCoreApp()
turns = Counter()


@app.entrypoint
async def invoke(payload: dict, context: RequestContext) -> AsyncIterator[str]:
    """Tell how long the prompt is, a word at a time."""
    prompt = payload["prompt"]
    turns[context.session_id] += 1
    answer = f"Turn {turns[context.session_id]}: {len(prompt.split())} words, {len(prompt)} characters."
    for word in answer.split():
        yield f"{word} "


if __name__ == "__main__":
    app.run()
