"""The memory in which the text of messages is kept where `chat.memory` says so: its own, apart from the agent's.

INVARIANT: of AgentCore a function may use this memory, as far as it needs it, and what runs agents it may not.
"""

from doorward.deploy.aws.memories import memory, uses
from doorward.deploy.aws.plan import Plan
from doorward.deploy.aws.template import Fragment, Map, att
from doorward.deploy.document import Node

# The longest that AgentCore keeps an event, in days.
KEPT_DAYS = 365
READS = ("GetEvent", "ListEvents")
WRITES = ("CreateEvent", "DeleteEvent")
_MEMORY = "MessageMemory"


def texts(plan: Plan) -> Fragment:
    """The memory; nothing where texts are in the table."""
    if not plan.texts:
        return Fragment()
    made = memory(plan.agent, "messages", "The text of messages, per user and conversation", KEPT_DAYS)
    return Fragment(resources={_MEMORY: made}, outputs={"MessageMemoryId": {"Value": att(_MEMORY, "MemoryId")}})


def uses_texts(plan: Plan, *actions: str) -> list[Node]:
    """The statements of a role that may do this with the events of that memory."""
    return uses(_MEMORY, actions, sid="Texts", key_sid="OwnKeyOfTexts") if plan.texts else []


def no_agent(plan: Plan, sid: str) -> Map:
    """The statement that denies all of AgentCore but that memory."""
    statement: Map = {"Sid": sid, "Effect": "Deny", "Action": ["bedrock-agentcore:*"]}
    if plan.texts:
        return {**statement, "NotResource": [att(_MEMORY, "MemoryArn")]}
    return {**statement, "Resource": ["*"]}


def where_texts_are(plan: Plan) -> Map:
    """The variable of the functions."""
    return {"DOORWARD_CHAT_MEMORY": att(_MEMORY, "MemoryId")} if plan.texts else {}
