"""AP-HTP-01: a second request hidden behind the first."""

from urllib.parse import urlsplit

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import Lab
from doorward.probe.smuggling import Mutation, mutations
from doorward.probe.surface import Guarded, guarded, is_open_to_users
from doorward.probe.wire import Reply

_AT_ONCE = 96


class RequestSmuggling(Attack):
    """More than a thousand bent framings; a second answer, or one that holds what only the canary path says."""

    id = "AP-HTP-01"
    title = "Request smuggling"
    sources = ("RFC 9112 6.3", "CWE-444", "API8")
    does = (
        "Sends more than 1,000 mutations of Transfer-Encoding, Content-Length and chunk lines around a second request."
    )
    mend = (
        "Refuse Content-Length together with Transfer-Encoding, and whatever two parsers read in two ways; then close."
    )

    async def control(self, lab: Lab) -> Finding | None:
        """The same request with a plain body has to be answered."""
        return await is_open_to_users(lab)

    async def attack(self, lab: Lab) -> Finding:
        request = guarded(lab)
        tried = mutations(_second(request))
        replies = await lab.together([_sent(lab, request, one) for one in tried], at_once=_AT_ONCE)
        smuggled = [(one, reply) for one, reply in zip(tried, replies, strict=True) if reply.more]
        figures = {"mutations": float(len(tried)), "second_answers": float(len(smuggled))}
        if smuggled:
            names = "; ".join(dict.fromkeys(one.name for one, _ in smuggled[:3]))
            return succeeded(
                f"{len(smuggled)} of {len(tried)} requests brought a second answer: {names}.",
                *[reply for _, reply in smuggled[:3]],
                **figures,
            )
        failed = [reply for reply in replies if reply.status >= 500 and reply.status != 505]
        if failed:
            return inconclusive(f"The target failed on {len(failed)} of {len(tried)} bent requests.", *failed[:3])
        spoilt = await is_open_to_users(lab)
        if spoilt is not None:
            return inconclusive("Users are not served after the bent requests.", *spoilt.evidence)
        return blocked(f"{len(tried)} bent requests brought no second answer.", *replies[:2], **figures)


def _second(request: Guarded) -> bytes:
    host = urlsplit(request.origin).netloc
    return f"GET /probe-second-request HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


async def _sent(lab: Lab, request: Guarded, mutation: Mutation) -> Reply:
    first = f"POST {request.path} HTTP/1.1\r\nHost: {urlsplit(request.origin).netloc}\r\n".encode()
    return await lab.wire.raw(request.origin, first + mutation.data, timeout=1.2, quiet=0.25)
