"""A graph as AWS's guides put one together: checkpoints in AgentCore Memory, settings in SSM, tables in DynamoDB.

No address and no key stands here: boto3 finds both in its environment, on AWS as on one machine.
"""

import time
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable
from langgraph.config import get_config
from langgraph_checkpoint_aws import AgentCoreMemorySaver

PARAMETERS = "/shop-assistant/"
NAME_LENGTH = 60


@cache
def parameters() -> dict[str, str]:
    """What SSM Parameter Store says under our path. A parameter that is missing is an error, and never a default."""
    ssm = boto3.client("ssm")
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=PARAMETERS, WithDecryption=True)
    found = {item["Name"].removeprefix(PARAMETERS): item["Value"] for page in pages for item in page["Parameters"]}
    ssm.close()
    return found


@cache
def table(name: str) -> Any:  # noqa: ANN401 - boto3 makes its classes as it runs
    """The DynamoDB table whose name stands in that parameter. Made at its first use: connections outlast no fork."""
    return boto3.resource("dynamodb").Table(parameters()[name])


def opening_hours(city: str) -> str:
    """Tell the opening hours of our shop in a city."""
    found = table("shops-table").get_item(Key={"city": city.strip().lower()}).get("Item")
    return f"The shop in {city} is open {found['hours']}." if found else f"We have no shop in {city}."


class Naming(AgentMiddleware):
    """Writes a conversation down after its first answer, under its user, and never over what is there."""

    def after_agent(self, state: Any, runtime: Any) -> None:  # noqa: ANN401, ARG002 - LangChain's signature
        """Called when an answer is whole."""
        place = get_config()["configurable"]
        item = {
            "actor_id": place["actor_id"],
            "session_id": place["thread_id"],
            "name": state["messages"][0].text[:NAME_LENGTH],
            "created_at": int(time.time()),
        }
        try:
            table("conversations-table").put_item(Item=item, ConditionExpression="attribute_not_exists(session_id)")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise


def agent(model: BaseChatModel) -> Runnable[Any, Any]:
    """Put the agent together. Whoever runs it chooses the model, and says in `configurable` whose turn it is."""
    prompt = "You answer questions about our shops. Use the tool; say so when you do not know."
    memory = AgentCoreMemorySaver(parameters()["memory-id"])
    return create_agent(model, tools=[opening_hours], system_prompt=prompt, checkpointer=memory, middleware=[Naming()])
