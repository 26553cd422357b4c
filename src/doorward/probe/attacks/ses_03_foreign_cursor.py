"""AP-SES-03: cursors, searches and filters that cross from one user to another."""

from urllib.parse import quote

from doorward.probe.attack import Attack
from doorward.probe.finding import Finding, inconclusive
from doorward.probe.lab import Lab
from doorward.probe.oauth import fields_of, text_field
from doorward.probe.sessions import away_with, begin, lacks_history, path_of
from doorward.probe.trials import Trial, judged
from doorward.probe.wire import Reply


class ForeignCursor(Attack):
    """Whatever cursor, search or filter the second user sends, nothing of the first may come."""

    id = "AP-SES-03"
    title = "Cursors, searches and filters across users"
    sources = ("API1", "CWE-639")
    does = (
        "Uses cursors of the first user's lists as the second user, and filters and searches for the first user's data."
    )
    mend = "Bind each cursor to its user, and let no parameter name an owner."

    async def applies(self, lab: Lab) -> str:
        return lacks_history(lab)

    async def attack(self, lab: Lab) -> Finding:
        first, second = await begin(lab), await begin(lab)
        url, mine, theirs = path_of(lab, "").rstrip("/"), await lab.bearer(), await lab.bearer(1)
        page = await lab.wire.send("GET", f"{url}?limit=1", [mine])
        inside = await lab.wire.send("GET", path_of(lab, first, "?limit=1"), [mine])
        cursors = [cursor for reply in (page, inside) if (cursor := _cursor(reply))]
        if second.session_id not in page.text:
            return inconclusive("The first user's list does not show a conversation just begun.", page)
        owners = await _names_of(lab)
        queries = [f"?cursor={quote(cursor)}" for cursor in cursors]
        queries += [f"?q={first.word}", "?q=Probe", f"?session_id={first.session_id}", "?limit=100", "?q=%25", "?q=*"]
        queries += [f"?{name}={quote(owner)}" for name in ("user_id", "actor_id", "owner", "sub") for owner in owners]
        trials = []
        for query in queries:
            reply = await lab.wire.send("GET", url + query, [theirs])
            found = any(text in reply.text for one in (first, second) for text in (one.word, one.session_id))
            echoed = query.encode() in reply.body
            trials.append(Trial(f"the query {query[:40]}", reply, reply.status < 300 and found and not echoed))
        await away_with(lab, first, second)
        return await judged(
            lab,
            trials,
            held=f"{len(trials)} cursors, searches and filters brought nothing of another user.",
            broken="The second user was shown the first user's conversations by",
        )


def _cursor(reply: Reply) -> str:
    return next((text_field(reply, name) for name in ("next_cursor", "cursor", "next") if text_field(reply, name)), "")


async def _names_of(lab: Lab) -> list[str]:
    """What the first user is called: by itself, and in who-am-I."""
    names = [lab.target.users[0].username]
    if lab.target.whoami:
        me = fields_of(await lab.wire.send("GET", lab.token_url(), [await lab.bearer()]))
        names += [
            value for key, value in me.items() if key in ("actor_id", "subject", "sub") and isinstance(value, str)
        ]
    return [name for name in names if name]
