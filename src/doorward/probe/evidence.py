"""An exchange as a reader can repeat it: one shell line without live credentials, and the beginning of the answer."""

import shlex
from urllib.parse import urlsplit

from msgspec import Struct

from doorward.probe.redaction import PLACEHOLDER, Redactor
from doorward.probe.wire import Reply

_EXCERPT = 400
_LONGEST = 1200


class Evidence(Struct, frozen=True, kw_only=True):
    """`command` can be pasted into a shell once its placeholders are set. `status` 0: the connection ended without an
    answer. `seconds` until the answer was whole."""

    command: str
    status: int
    seconds: float
    excerpt: str


def evidence_of(reply: Reply, redactor: Redactor) -> Evidence:
    """The exchange without its secrets."""
    return Evidence(
        command=_raw(reply, redactor) if reply.sent.raw else _curl(reply, redactor),
        status=reply.status,
        seconds=round(reply.seconds, 4),
        excerpt=printable(_shortened(redactor.text(reply.text), _EXCERPT)),
    )


def _curl(reply: Reply, redactor: Redactor) -> str:
    sent = reply.sent
    words = ["curl", "-i", "-g", "--path-as-is", "-X", shlex.quote(sent.method)]
    for name, value in sent.headers:
        words += ["-H", _quoted(f"{name}: {redactor.header(name, value)}")]
    if sent.body:
        words += ["--data-binary", _quoted(_shortened(redactor.text(_text(sent.body)), _LONGEST))]
    words.append(_quoted(_shortened(redactor.text(sent.url), _LONGEST)))
    return " ".join(words)


def _raw(reply: Reply, redactor: Redactor) -> str:
    parts = urlsplit(reply.sent.url)
    secure = parts.scheme in ("https", "wss")
    port = parts.port or (443 if secure else 80)
    text = _shortened(redactor.text(_text(reply.sent.raw)), _LONGEST)
    written = "".join(_escaped(character) for character in text)
    where = f"openssl s_client -quiet -connect {parts.hostname}:{port}" if secure else f"nc {parts.hostname} {port}"
    return f"printf {_quoted(written)} | {where}"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _escaped(character: str) -> str:
    """As `printf` of a shell reads it."""
    known = {"\r": r"\r", "\n": r"\n", "\t": r"\t", "\\": r"\\", "%": "%%"}
    if character in known:
        return known[character]
    return character if character.isprintable() else "".join(f"\\{byte:03o}" for byte in character.encode())


def _quoted(text: str) -> str:
    """Quoted for a shell, but for the placeholders, which it expands."""
    pieces, at = [], 0
    for found in PLACEHOLDER.finditer(text):
        pieces.append(_plain(text[at : found.start()]))
        pieces.append(f'"{found[0]}"')
        at = found.end()
    pieces.append(_plain(text[at:]))
    return "".join(pieces) or "''"


def _plain(text: str) -> str:
    if not text:
        return ""
    if text.isprintable():
        return shlex.quote(text)
    spelt = text.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(_escaped(item) if not item.isprintable() else item for item in spelt) + "'"


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]} [... {len(text) - limit} more]"


def printable(text: str) -> str:
    """The text without anything that a terminal would obey."""
    return "".join(item if item.isprintable() or item == "\n" else "\N{REPLACEMENT CHARACTER}" for item in text)
