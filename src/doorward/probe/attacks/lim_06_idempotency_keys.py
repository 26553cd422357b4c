"""AP-LIM-06: an idempotency key that comes with another body or from another user."""

import secrets

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, not_applicable, succeeded
from doorward.probe.lab import Lab
from doorward.probe.trials import ok
from doorward.probe.wire import Header, Reply


class IdempotencyKeys(Attack):
    """A key belongs to a user and a body: with anything else it must be refused or mean nothing."""

    id = "AP-LIM-06"
    title = "Reuse of an idempotency key"
    sources = ("draft-ietf-httpapi-idempotency-key-header", "API1", "CWE-639")
    does = "Sends a chat with an Idempotency-Key, then the key with another body, and by another user."
    mend = "Keep keys per user and route with a hash of the body: the same gets the same answer, another body 422."

    async def attack(self, lab: Lab) -> Finding:
        key: Header = ("Idempotency-Key", secrets.token_hex(16))
        word, other = f"Probe{secrets.token_hex(6)}", f"Probe{secrets.token_hex(6)}"
        mine = await lab.bearer()
        first = await _told(lab, [mine, key], word)
        if not ok(first):
            return inconclusive("A chat with an Idempotency-Key was not answered.", first)
        if word not in first.text:
            return inconclusive("The agent does not repeat what it is told, so answers cannot be told apart.", first)
        changed = await _told(lab, [mine, key], other)
        if ok(changed) and word in changed.text:
            return succeeded("A key that was used before brought the answer to another message.", first, changed)
        if len(lab.target.users) > 1:
            stranger = await _told(lab, [await lab.bearer(1), key], other)
            if word in stranger.text:
                return succeeded("A key of one user brought another user that user's answer.", first, stranger)

        async def again() -> list[Reply]:
            return [await _told(lab, [mine, key], word)]

        repeated = await lab.counted(again)
        return _judged(changed, repeated.replies[0], ran=lab.ran(repeated))


def _judged(changed: Reply, repeated: Reply, *, ran: bool) -> Finding:
    if 400 <= changed.status < 500:
        return blocked("A key with another body was refused, and no other user's answer came back.", changed)
    if changed.status >= 500 or repeated.status >= 500:
        return inconclusive("The target failed on a key that was used before.", changed, repeated)
    if ok(repeated) and not ran:
        return blocked("A key brings back only the answer to the same message of the same user.", changed, repeated)
    if repeated.status in (409, 422):
        return blocked("A key that was used before is refused.", repeated)
    return not_applicable("The target ignores Idempotency-Key: each message is answered anew, with its own answer.")


async def _told(lab: Lab, headers: list[Header], word: str) -> Reply:
    return await lab.chat(headers, prompt=lab.target.chat.remember.replace("{word}", word))
