"""A memory of AgentCore in a stack, and the grant to use it: the agent's own, and the one for the text of messages."""

from doorward.deploy.aws.keys import by_way_of
from doorward.deploy.aws.template import NOTHING, Map, allow, att, either, name_in_account, ref, resource
from doorward.deploy.document import Node


def memory(agent: str, name: str, about: str, days: int) -> Map:
    """The memory `name` of that agent's house; it keeps each event for so many days.

    It stays when the stack is deleted, as the table does: that lists what the memory holds the words of.
    """
    return resource(
        "AWS::BedrockAgentCore::Memory",
        {
            "Name": name_in_account(agent, name),
            "Description": about,
            "EventExpiryDuration": days,
            "EncryptionKeyArn": either("HasOwnKey", ref("OwnKeyArn"), NOTHING),
        },
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
    )


def uses(name: str, actions: tuple[str, ...], *, sid: str, key_sid: str) -> list[Node]:
    """The statements of a role that may do this with the memory of that logical name, and use its key for that."""
    own = [f"bedrock-agentcore:{action}" for action in actions]
    return [
        allow(sid, own, [att(name, "MemoryArn")]),
        either("HasOwnKey", by_way_of(key_sid, "bedrock-agentcore"), NOTHING),
    ]
