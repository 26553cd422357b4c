"""Conversations of two users: one of the first user's with a secret word in it, and what the second can do with it."""

import secrets

from msgspec import Struct

from doorward.probe.lab import JSON, Lab
from doorward.probe.oauth import text_field
from doorward.probe.surface import has_front_chat
from doorward.probe.trials import ok
from doorward.probe.wire import Header, ProbeError, Reply


class Conversation(Struct, frozen=True, kw_only=True):
    """A conversation of a user: its id, the id of its turn where there is one, and the word that was told in it."""

    session_id: str
    turn_id: str
    word: str
    told: Reply


def a_word() -> str:
    """A word that nobody says by chance."""
    return f"Probe{secrets.token_hex(8)}"


async def begin(lab: Lab, user: int = 0) -> Conversation:
    """A new conversation of this user, in which the agent is told a word. `ProbeError` when it is not answered."""
    word = a_word()
    reply = await tell(lab, await lab.bearer(user), word)
    session_id = text_field(reply, lab.target.chat.session_field or "session_id") or reply.header("x-session-id")
    if not ok(reply) or not session_id:
        raise ProbeError(f"a chat gave no conversation (status {reply.status})")
    turn_id = text_field(reply, "turn_id") or reply.header("x-turn-id")
    return Conversation(session_id=session_id, turn_id=turn_id, word=word, told=reply)


async def tell(lab: Lab, bearer: Header, word: str, session_id: str = "") -> Reply:
    """Tell the agent a word that it gives back when asked."""
    return await lab.chat([bearer], prompt=lab.target.chat.remember.replace("{word}", word), session_id=session_id)


async def recall(lab: Lab, bearer: Header, session_id: str) -> Reply:
    """Ask the agent for the word it was told in this session."""
    return await lab.chat([bearer], prompt=lab.target.chat.recall, session_id=session_id)


def path_of(lab: Lab, conversation: Conversation | str, more: str = "") -> str:
    """The URL of a conversation at the front door, with `more` after it."""
    name = conversation if isinstance(conversation, str) else conversation.session_id
    return f"{lab.target.front_door.rstrip('/')}{lab.target.history}/{name}{more}"


def turn_path(lab: Lab, turn_id: str, more: str = "") -> str:
    """The URL of a turn at the front door, with `more` after it."""
    return f"{lab.target.front_door.rstrip('/')}{lab.target.turns}/{turn_id}{more}"


async def state_of(lab: Lab, conversation: Conversation) -> tuple[int, bytes]:
    """What its owner sees of it: to compare before and after. Names are left out: the house may still be naming it."""
    reply = await lab.wire.send("GET", path_of(lab, conversation), [await lab.bearer()])
    return reply.status, reply.body


async def patch(lab: Lab, bearer: Header, conversation: Conversation, body: bytes) -> Reply:
    """A change of a conversation."""
    return await lab.wire.send("PATCH", path_of(lab, conversation), [bearer, JSON], body)


async def away_with(lab: Lab, *conversations: Conversation, user: int = 0) -> None:
    """Delete what the probe made."""
    if lab.target.history:
        bearer = await lab.bearer(user)
        for conversation in conversations:
            await lab.wire.send("DELETE", path_of(lab, conversation), [bearer])


def lacks_history(lab: Lab) -> str:
    """Why conversations of two users cannot be tried, or nothing."""
    if not lab.target.history or not has_front_chat(lab):
        return "The target keeps no conversations that a user could ask for."
    return lacks_two_users(lab)


def lacks_two_users(lab: Lab) -> str:
    """Why nothing can be tried between two users, or nothing."""
    return "" if len(lab.target.users) > 1 else "The target names no second user."
