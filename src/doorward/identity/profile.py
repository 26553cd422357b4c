"""Reads the claims that describe a user without identifying them: name, email, roles, tenant.

The claims rules call it. Nothing here is identity: two issuers may well use the same name or email (AP-JWT-07).
"""

import re
from typing import Any, TypeGuard

MAX_NAME_CHARACTERS = 256
MAX_ROLES = 256

_NAME_CLAIMS = ("cognito:username", "username", "preferred_username")
# One address, plainly: what is not is not shown. Nothing is decided by it.
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f,;<>\"]{1,64}@[A-Za-z0-9.-]{1,189}", re.ASCII)


def username_of(claims: dict[str, Any], subject: str) -> str | None:
    """The name to show; the subject when the token has none. None when a name is there but does not fit."""
    for claim in _NAME_CLAIMS:
        if claim in claims:
            return claims[claim] if _printable(claims[claim]) else None
    return subject


def roles_of(claims: dict[str, Any], claim: str) -> frozenset[str] | None:
    """The roles in `claim`: an array of strings, or one string with spaces as in ``scope``; None when it is neither."""
    value = claims.get(claim, [])
    entries = value.split() if isinstance(value, str) else value
    if not isinstance(entries, list) or len(entries) > MAX_ROLES or not all(_printable(entry) for entry in entries):
        return None
    return frozenset(entries)


def tenant_of(claims: dict[str, Any], claim: str) -> str | None:
    """The tenant in `claim`; empty when the token has none or none is asked for; None when it does not fit."""
    value = claims.get(claim, "") if claim else ""
    return value if value == "" or _printable(value) else None


def email_of(claims: dict[str, Any]) -> str | None:
    """The email, if it is a single plain address. It is shown and decides nothing, verified or not."""
    email = claims.get("email")
    if not _printable(email) or not _EMAIL.fullmatch(email):
        return None
    return email


def _printable(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= MAX_NAME_CHARACTERS and value.isprintable()
