"""Takes every credential out of what a report shows. Used by `evidence` and `runner`.

A secret that the probe knows becomes a name (``$USER_1_ACCESS_TOKEN``); whatever else looks like a credential becomes
``$TOKEN``, ``$COOKIE`` or ``$SECRET``. It refuses nothing: text goes in, text without secrets comes out.
"""

import base64
import json
import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

# A shell may expand these in an evidence line; no other dollar of the text is a placeholder.
PLACEHOLDER = re.compile(r"\$(?:TOKEN|COOKIE|SECRET|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b")
_JWT = re.compile(r"\b(?:ey[A-Za-z0-9_-]{6,}|e30)=*\.[A-Za-z0-9_+/=-]*(?:\.[A-Za-z0-9_+/=-]*){1,3}")
_SCHEME = re.compile(r"^\s*(bearer|dpop|basic)\s+\S.*$", re.IGNORECASE | re.DOTALL)
_HEADER_LINE = re.compile(
    r"^((?:proxy-)?authorization|cookie|set-cookie|x-[a-z-]*(?:token|authorization)[a-z-]*)([ \t]*:[ \t]*)([^\r\n]+)",
    re.IGNORECASE | re.MULTILINE,
)
_SENSITIVE = re.compile(
    r"^(?:(?:proxy-)?authorization|cookie|set-cookie|x-.*(?:token|authorization).*)$", re.IGNORECASE
)
_FIELDS = "code_verifier|password|client_secret|access_token|refresh_token|id_token|assertion|token"
_FORM_FIELD = re.compile(rf"(?<![A-Za-z0-9_])(code|{_FIELDS})=([^&\s'\"$]+)")
_JSON_FIELD = re.compile(rf'"({_FIELDS}|PASSWORD|AccessToken|IdToken|RefreshToken)"(\s*:\s*)"[^"$]*"')


class Redactor:
    """`withheld` maps each known secret to its name in angle brackets, as `Lab.withheld` does."""

    def __init__(self, withheld: Mapping[str, str]) -> None:
        self._known: dict[str, str] = {}
        for secret, name in withheld.items():
            for form in _forms(secret):
                self._known[form] = "$" + re.sub(r"[^A-Z0-9]+", "_", name.strip("<>").upper()).strip("_")
        self._longest_first = sorted(self._known, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Without known secrets, JWTs, credential headers and credential fields."""
        text = self._without_known(text)
        text = _HEADER_LINE.sub(lambda found: found[1] + found[2] + self._value(found[1], found[3]), text)
        text = _JWT.sub("$TOKEN", text)
        text = _FORM_FIELD.sub(r"\1=$SECRET", text)
        return _JSON_FIELD.sub(r'"\1"\2"$SECRET"', text)

    def header(self, name: str, value: str) -> str:
        """A header's value as a report may show it."""
        return self._value(name, self._without_known(value)) if _SENSITIVE.match(name) else self.text(value)

    def _without_known(self, text: str) -> str:
        for secret in self._longest_first:
            text = text.replace(secret, self._known[secret])
        return text

    def _value(self, name: str, value: str) -> str:
        if "cookie" in name.lower():
            return "; ".join(_cookie(part) for part in value.split(";"))
        found = PLACEHOLDER.search(value)
        kept = found[0] if found else "$TOKEN"
        scheme = _SCHEME.match(value)
        return f"{scheme[1]} {kept}" if scheme else kept


def _cookie(part: str) -> str:
    name, equals, _ = part.strip().partition("=")
    return f"{name}=$COOKIE" if equals else "$COOKIE"


def _forms(secret: str) -> set[str]:
    """The ways in which it may be written down. Short ones only as they are: they would match by accident."""
    if len(secret) < 8:
        return {secret} if len(secret) >= 4 else set()
    encoded = base64.b64encode(secret.encode()).decode()
    urlsafe = base64.urlsafe_b64encode(secret.encode()).decode()
    spelt = {encoded.rstrip("="), urlsafe.rstrip("="), json.dumps(secret)[1:-1]}
    return {secret, quote(secret, safe=""), quote_plus(secret), secret.encode().hex(), *spelt}
