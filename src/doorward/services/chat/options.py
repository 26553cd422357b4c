"""What the chat service is told, and what each of its turns is told by it."""

from typing import Literal

from msgspec import Struct

from doorward.model.chat import Idempotency, NewTurn, OnBusy, OpenTurn
from doorward.model.principals import User
from doorward.model.settings import AgentSettings, ChatSettings
from doorward.services.budget import Budget
from doorward.services.caps import Caps
from doorward.services.chat import agui
from doorward.services.chat.names import first_name
from doorward.services.chat.run import TurnJob
from doorward.services.identifiers import session_id_or_new, sortable_id
from doorward.services.metering import Meter


class ChatOptions(Struct, frozen=True, kw_only=True):
    """What the chat service is told. Without `titles_arn` and `meter`, names stay as the first message made them.

    `turns_per_user` bounds the turns of one user that run, whether anybody still listens to them or not (AP-LIM-04): a
    limit at the front door sees only those that a request waits for. None: no bound. Nor is there one without `budget`.
    `keep` is for how many seconds the agent goes on when this process is gone.
    """

    agent_arn: str
    titles_arn: str | None = None
    heartbeat: float = 15.0
    turn_timeout: float = 900.0
    keep: float = 0.0
    max_answer_bytes: int = 10_485_760
    turns_per_user: int | None = None
    idempotency: Literal["wait", "refuse"] = "wait"
    idempotency_ttl: float = 86400.0
    on_busy: OnBusy = "reject"
    queue_length: int = 8
    queue_timeout: float = 60.0
    budget: Budget | None = None
    meter: Meter | None = None
    caps: Caps | None = None


def chat_options(
    chat: ChatSettings, agent: AgentSettings, *, agent_arn: str, titles_arn: str, turns_per_user: int | None = None
) -> ChatOptions:
    """The options that the settings mean."""
    return ChatOptions(
        agent_arn=agent_arn,
        titles_arn=titles_arn if chat.names == "model" else None,
        heartbeat=chat.heartbeat,
        turn_timeout=agent.turn_timeout,
        keep=chat.adopt_within,
        max_answer_bytes=agent.max_response_bytes,
        turns_per_user=turns_per_user,
        idempotency=chat.idempotency,
        idempotency_ttl=chat.idempotency_ttl,
        on_busy=chat.on_busy,
        queue_length=chat.queue_length,
        queue_timeout=chat.queue_timeout,
    )


class Asked(Struct, frozen=True):
    """One send."""

    user: User
    message: str
    session_id: str | None
    request_id: str
    on_busy: OnBusy
    idempotency: Idempotency | None = None


def new_job(options: ChatOptions, asked: Asked, now: float) -> TurnJob:
    """What a turn that begins is to do."""
    user = asked.user
    session, turn_id = session_id_or_new(asked.session_id), sortable_id(now)
    new = NewTurn(
        turn_id=turn_id,
        session_id=session,
        owner=user.key,
        message_id=sortable_id(now),
        message=asked.message,
        at=now,
        conversation_name=first_name(asked.message),
        first_event=agui.started(session, turn_id),
        request_id=asked.request_id,
        issuer=user.issuer,
        subject=user.subject,
        tenant=user.tenant,
        answer_id=sortable_id(now),
        idempotency=asked.idempotency,
        reservation=options.budget.reservation(user, now) if options.budget is not None else None,
    )
    return _job(options, user, new, options.turn_timeout)


def job_left(options: ChatOptions, left: OpenTurn, now: float) -> TurnJob:
    """What is still to be done of a turn that another process began."""
    turn = left.turn
    new = NewTurn(
        turn_id=turn.id,
        session_id=turn.session_id,
        owner=turn.owner,
        message_id="",
        message=left.message,
        at=turn.started_at,
        conversation_name="",
        first_event=b"",
        request_id=left.request_id,
        issuer=left.issuer,
        subject=left.subject,
        tenant=left.tenant,
        answer_id=left.answer_id or sortable_id(now),
    )
    user = User(issuer=left.issuer, subject=left.subject, username="", tenant=left.tenant)
    timeout = max(1.0, options.turn_timeout - (now - turn.started_at))
    return _job(options, user, new, timeout)


def _job(options: ChatOptions, user: User, new: NewTurn, timeout: float) -> TurnJob:
    return TurnJob(
        user=user,
        new=new,
        agent=options.agent_arn,
        timeout=timeout,
        max_answer_bytes=options.max_answer_bytes,
        keep=options.keep,
    )
