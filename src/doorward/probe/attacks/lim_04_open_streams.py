"""AP-LIM-04: one user who opens many streams."""

import asyncio
import re
import time

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import Lab
from doorward.probe.surface import Guarded, chat_request, has_front_chat
from doorward.probe.trials import ok, still_works
from doorward.probe.wire import Header, Reply

_STREAMS = 64
_LONG = 0.3
_SSE: Header = ("Accept", "text/event-stream")


class OpenStreams(Attack):
    """Of 64 streams at once, no more than a cap may be open."""

    id = "AP-LIM-04"
    title = "Many streams of one user"
    sources = ("API4", "LLM10", "CWE-770")
    does = "Opens 64 long answers of the second user at once, and 64 readers of one turn where turns can be read on."
    mend = "Cap the turns and the open streams of one user, whatever their number of connections."
    order = 80

    async def applies(self, lab: Lab) -> str:
        if len(lab.target.users) < 2:
            return "The target names no second user, so nobody can fill it beside the first."
        return ""

    async def attack(self, lab: Lab) -> Finding:
        turns = await _many(lab, [_chat(lab) for _ in range(_STREAMS)])
        if turns.most == _STREAMS:
            return succeeded(
                f"All {_STREAMS} answers of one user ran at once.", turns.replies[0], open=float(turns.most)
            )
        readers = await _readers(lab)
        if readers is not None and readers.most == _STREAMS:
            return succeeded(
                f"One user held {_STREAMS} readers of one turn at once.", readers.replies[0], open=float(readers.most)
            )
        refused = [reply for reply in turns.replies if reply.status == 429]
        if not refused:
            return inconclusive(f"Of {_STREAMS} answers at once none was refused; they were too short to overlap.")
        if not await still_works(lab):
            return succeeded("While one user opened streams, another one was not served.", refused[0])
        figures = {"turns_at_once": float(turns.most)} | ({"readers_at_once": float(readers.most)} if readers else {})
        more = f" and {readers.most} readers of one turn" if readers else ""
        return blocked(f"One user got {turns.most} answers{more} at once, of {_STREAMS} each.", refused[0], **figures)


class Overlap:
    """Exchanges that ran beside each other; `most` is how many of those that were admitted, and took so long that it
    was no chance, ran at one moment."""

    def __init__(self, timed: list[tuple[float, Reply]]) -> None:
        self.replies = [reply for _, reply in timed]
        moments = []
        for end, reply in timed:
            if ok(reply) and reply.seconds >= _LONG:
                moments += [(end - reply.seconds, 1), (end, -1)]
        running = self.most = 0
        for _, step in sorted(moments):
            running += step
            self.most = max(self.most, running)


async def _many(lab: Lab, requests: list[Guarded]) -> Overlap:
    bearer = await lab.bearer(1)

    async def one(request: Guarded) -> tuple[float, Reply]:
        reply = await request.send(lab, [bearer])
        return time.monotonic(), reply

    return Overlap(await lab.together([one(request) for request in requests], at_once=_STREAMS))


def _chat(lab: Lab) -> Guarded:
    chat = chat_request(lab, lab.target.chat.slow_prompt)
    others = [header for header in chat.headers if header[0] != "Accept"]
    return Guarded(method="POST", origin=chat.origin, path=chat.path, headers=(*others, _SSE), body=chat.body)


async def _readers(lab: Lab) -> Overlap | None:
    """Readers of one running turn of the second user; None where turns cannot be read on."""
    if not lab.target.turns or not has_front_chat(lab):
        return None
    chat, (name, value) = _chat(lab), await lab.bearer(1)
    lines = [f"{key}: {item}" for key, item in [(name, value), *chat.headers]]
    reader, writer = await lab.wire.open(chat.origin)
    try:
        writer.write(chat.head(*lines, f"Content-Length: {len(chat.body)}") + b"\r\n" + chat.body)
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
        turn = re.search(rb"x-turn-id: *([\w-]+)", head, re.IGNORECASE)
        if turn is None:
            return None
        path = f"{lab.target.turns}/{turn[1].decode()}/events"
        one = Guarded(method="GET", origin=lab.target.front_door.rstrip("/"), path=path, headers=(_SSE,))
        return await _many(lab, [one] * _STREAMS)
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        return None
    finally:
        writer.close()
