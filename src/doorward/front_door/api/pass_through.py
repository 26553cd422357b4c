"""``POST /chat`` in the pattern `front-door`: the caller's own token is handed on to the agent door with the prompt.

That one token opens both doors is the gap of this pattern, kept to be seen. What the agent answers is passed on, but
never under a media type that a browser would run on our origin.
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from msgspec import Struct

from doorward.errors import AgentFailed, Unauthenticated
from doorward.front_door.api.shapes import prompt_request
from doorward.http.request import Request
from doorward.http.response import Problem, Response, event_stream
from doorward.http.routes import Access, Route
from doorward.model.agent import AgentCall, AgentReply
from doorward.model.chunks import close_chunks
from doorward.model.secret import Secret
from doorward.model.sign_in import BrowserSession
from doorward.ports.agent import Agent

AccessToken = Callable[[BrowserSession], Awaitable[Secret]]


class PassThrough(Struct, frozen=True, kw_only=True):
    """What the pass-through needs: the way to the agent, its ARN, the access token of a browser session (fresh), and
    the bounds of a prompt (characters), a body and an answer (bytes)."""

    agent: Agent
    arn: str
    access_token: AccessToken
    max_prompt_characters: int
    body_limit: int
    max_response_bytes: int


def pass_through_routes(options: PassThrough) -> list[Route]:
    """The one endpoint of the pattern `front-door`."""

    async def talk(request: Request) -> Response:
        session_id = request.body.session_id or str(uuid.uuid4())
        reply = await options.agent.invoke(
            AgentCall(
                agent=options.arn,
                session_id=session_id,
                payload=msgspec.json.encode({"prompt": request.body.prompt}),
                accept="text/event-stream" if request.wants_stream() else "application/json",
                bearer=await _own_token(request, options.access_token),
                request_id=request.id,
            )
        )
        request.response_headers.append((b"x-session-id", session_id.encode("ascii")))
        return await _passed_on(reply, options.max_response_bytes)

    return [
        Route(
            method="POST",
            path="/chat",
            handler=talk,
            access=Access.USER,
            body=prompt_request(options.max_prompt_characters),
            body_limit=options.body_limit,
            prompt=("prompt",),
            turn=True,
            stream=True,
            summary="Pass a prompt on to the agent, and its answer back.",
            responses={
                200: ("application/json", "text/event-stream", "text/plain"),
                409: Problem,
                502: Problem,
                504: Problem,
            },
        )
    ]


async def _own_token(request: Request, access_token: AccessToken) -> Secret:
    if isinstance(request.session, BrowserSession):
        return await access_token(request.session)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not token:  # `cognito_compatible` takes a bare token
        return Secret(scheme)
    if scheme.lower() != "bearer":
        raise Unauthenticated("A bearer token is needed.", code="token_malformed")
    return Secret(token.strip())


async def _passed_on(reply: AgentReply, max_bytes: int) -> Response:
    kind = reply.content_type.partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return event_stream(reply.chunks)
    media_type = b"application/json" if kind == "application/json" else b"text/plain; charset=utf-8"
    return Response(headers=[(b"content-type", media_type)], body=await _whole(reply.chunks, max_bytes))


async def _whole(chunks: AsyncIterator[bytes], max_bytes: int) -> bytes:
    body = bytearray()
    try:
        async for chunk in chunks:
            body += chunk
            if len(body) > max_bytes:
                raise AgentFailed("The agent's answer is too large.", code="answer_too_large")
    finally:
        await close_chunks(chunks)
    return bytes(body)
