"""Stops requests that are built for known faults of other software: what the AWS managed rule group KnownBadInputs and
the path rules of common web firewalls stop. Prompt text is not read: people may talk about all of this."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

import msgspec
import structlog

from doorward.front_door.check import Answer, Tools
from doorward.front_door.known_route import allowed_methods
from doorward.front_door.visit import Visit
from doorward.model.verdicts import Deny

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_. "
_OPAQUE = frozenset({"password", "client_secret"})

# Cheap to look for; only a text that has one of these is read with the patterns below.
_SIGNS = (b"%", b"${", b"..", b"\\", b"jndi", b"ro0ab", b"aced00", b"\xac\xed", b"class", b"java.", b"/etc/", b"file:")

_BRACE = r"(?:\$|\\u0024|\\x24)(?:\{|\\u007b|\\x7b)"
_LOOKUPS = (
    "jndi|lower|upper|env|sys|java|ctx|bundle|date|main|map|marker|event|base64|url|web|k8s|docker|spring|log4j|sd|"
    "script|dns|const|file|xml|properties|resourcebundle"
)
_PATTERNS = {
    # CVE-2021-44228: lookups, also nested or with defaults that spell the word in pieces.
    "log4shell": rf"{_BRACE}\s*(?:{_LOOKUPS})\s*:|{_BRACE}[^}}]{{0,200}}(?:{_BRACE}|:-)|jndi\s*:\s*[a-z]{{2,6}}:",
    # Magic bytes of a serialised Java object: raw, hexadecimal, base64; and what such objects are made to call.
    "java_deserialization": r"\xac\xed\x00\x05|(?<![a-z0-9])aced0005|(?<![a-z0-9+/_=-])(?-i:rO0AB)|"
    r"java\.lang\.(?:runtime|processbuilder)|java\.util\.priorityqueue",
    # CVE-2022-22965.
    "spring4shell": r"class\s*(?:\.|\[\s*['\"]?)\s*module|class\s*\.\s*classloader|classloader\s*\.\s*resources",
    "path_traversal": r"\.\.[\\/;]|[\\/=]\.\.(?:$|[\\/;&\s])|\xc0[\xae\xaf]|/etc/(?:passwd|shadow|hosts)\b|file:/",
}
_KNOWN_BAD = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS.items()), re.IGNORECASE)

_SCANNED = (
    "wp-admin wp-content wp-includes wp-json actuator phpunit phpmyadmin pma cgi-bin server-status "
    "server-info web-inf meta-inf jmx-console web-console invoker solr druid boaform hnap1 _ignition "
    "telescope nacos jolokia vendor manager hudson autodiscover owa ecp geoserver id_rsa"
)
_BAD_SEGMENTS = frozenset(_SCANNED.split())
_BAD_ENDINGS = (
    ".php", ".asp", ".aspx", ".jsp", ".jspx", ".cgi", ".sql", ".bak", ".old", ".swp", ".pem", ".key", ".env", "~",
)  # fmt: skip


class KnownBadInputs:
    """Reads the method, the URL, the headers and, through `bad_field`, the body's fields that are no prompt."""

    def __init__(self, tools: Tools) -> None:
        self._on = tools.settings.filter

    async def check(self, visit: Visit) -> Answer:
        if visit.method not in _METHODS:
            methods = allowed_methods(visit.match.methods) if visit.match else []
            return Deny(
                code="method_not_allowed",
                detail="This server does not take that method.",
                status=405,
                headers={"allow": ", ".join(methods)},
            )
        if not self._on:
            return None
        if visit.match is None and exploitable_path(visit.segments):
            return refusal("exploitable_path")
        values = [value for name, value in visit.raw_headers if name != b"authorization" or _no_token(value)]
        rule = known_bad(b"\n".join([visit.raw_path, visit.query_string, *values]))
        return refusal(rule) if rule else None


def _no_token(value: bytes) -> bool:
    """Whether an Authorization header has any character that no token has; a token is long, and no lookup."""
    return bool(value.translate(None, _TOKEN))


def refusal(rule: str) -> Deny:
    """The answer; which rule it was stays in our log, so that it is no help in finding a way around."""
    structlog.get_logger().info("known_bad_input", rule=rule)
    return Deny(code="known_bad_input", detail="The request looks like an attack on a known fault.")


def known_bad(text: bytes) -> str:
    """The name of the rule that `text` breaks, also under up to three layers of percent-encoding; empty if none."""
    if not _has_sign(text.lower()):
        return ""
    for _ in range(4):
        found = _KNOWN_BAD.search(text.decode("latin-1"))
        if found:
            return found.lastgroup or "known_bad"
        decoded = unquote_to_bytes(text)
        if decoded == text:
            break
        text = decoded
    return ""


def _has_sign(lowered: bytes) -> bool:
    for sign in _SIGNS:  # noqa: SIM110  a generator costs twice as much, on every request
        if sign in lowered:
            return True
    return False


def bad_field(body: object, prompt: Iterable[str]) -> str:
    """The rule that a field of a validated body breaks; fields named in `prompt`, and passwords, are not read."""
    skipped = _OPAQUE.union(prompt)
    if isinstance(body, msgspec.Struct):
        named = [(name, getattr(body, name)) for name in body.__struct_fields__]
    elif isinstance(body, dict):
        named = list(body.items())
    else:
        named = [("", body)]
    text = "\n".join([text for name, value in named if name not in skipped and value for text in _texts(value)])
    return known_bad(text.encode("utf-8", "surrogatepass")) if text else ""


def exploitable_path(segments: tuple[str, ...]) -> bool:
    """Whether a path that has no route is one that scanners try."""
    for segment in segments:
        name = segment.lower()
        if name in _BAD_SEGMENTS or name.endswith(_BAD_ENDINGS) or (name[:1] == "." and name != ".well-known"):
            return True
    return False


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, msgspec.Struct):
        yield from _texts(msgspec.structs.asdict(value))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(name)
            yield from _texts(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _texts(item)
