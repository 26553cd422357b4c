"""AP-AUD-07: tokens, passwords and what people wrote, in the logs."""

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, blocked, inconclusive, succeeded
from doorward.probe.lab import Lab
from doorward.probe.logs import read_logs
from doorward.probe.sessions import a_word, tell
from doorward.probe.surface import guarded
from doorward.probe.trials import ok

_LEAST = 12
_TRIES = 3


class SecretsInLogs(Attack):
    """After chats, failures and tokens in wrong places, the logs hold none of it."""

    id = "AP-AUD-07"
    title = "Secrets and messages in logs"
    sources = ("LLM02", "CWE-532", "API8")
    does = "Sends a marked message and tokens in right and wrong places, then reads the log files it was given."
    mend = "Log events with named fields, and star those that can hold secrets or text; never log whole requests."
    order = 90

    async def applies(self, lab: Lab) -> str:
        return "" if await read_logs(lab) else "No log file of the target was given that can be read."

    async def attack(self, lab: Lab) -> Finding:
        bearer, token = await lab.bearer(), (await lab.tokens()).access.reveal()
        word = a_word()
        told = await tell(lab, bearer, word)
        for _ in range(_TRIES - 1):
            if ok(told):
                break
            # It may still be busy with what the attacks before asked of it.
            told = await tell(lab, bearer, word)
        if not ok(told):
            return inconclusive("A chat with a marked message was not answered.", told)
        request = guarded(lab)
        separator = "&" if "?" in request.path else "?"
        await request.send(lab, path=f"{request.path}{separator}access_token={token}")
        await request.send(lab, [("Cookie", f"token={token}")])
        await request.send(lab, [("Authorization", f"Bearer {token}x")])
        await lab.chat([bearer], prompt=f"please fail {word}")
        leaked = await _leaked(lab, word)
        if leaked:
            return succeeded(f"The logs hold {', '.join(leaked)}.", told, kinds=float(len(leaked)))
        size = sum(len(text) for text in (await read_logs(lab)).values())
        return blocked(
            f"{size} characters of logs hold no token, no password and nothing of the message.",
            told,
            characters=float(size),
        )


async def _leaked(lab: Lab, word: str) -> list[str]:
    """The names of what was found. A token counts when its last part is there: that is what makes it good."""
    text = "\n".join((await read_logs(lab)).values())
    found = {name for secret, name in lab.withheld.items() if len(_core(secret)) >= _LEAST and _core(secret) in text}
    for number, account in enumerate(lab.target.users, start=1):
        if account.password is not None and account.password.reveal() in text:
            found.add(f"<user-{number}-password>")
    if word in text:
        found.add("the text of a message")
    return sorted(found)


def _core(secret: str) -> str:
    return secret.rpartition(".")[2][-40:] if secret.count(".") == 2 else secret
