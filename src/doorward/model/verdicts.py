"""A verdict is a value: `Allow`, `Deny` with a stable code and a reason, or `Ask` for an approval."""

from msgspec import Struct, field


class Allow(Struct, frozen=True):
    """The door opens. `reason` names the check that said so."""

    reason: str = ""


class Deny(Struct, frozen=True, kw_only=True):
    """The door stays shut.

    `code` is stable and public, `detail` is a sentence for the caller, `status` the HTTP status it turns into,
    `headers` go with the answer (``Retry-After``, ``WWW-Authenticate``).
    """

    code: str
    detail: str
    status: int = 403
    headers: dict[str, str] = field(default_factory=dict)


class Ask(Struct, frozen=True, kw_only=True):
    """The door opens after a person has approved; `approval` is the id to wait for."""

    approval: str


Verdict = Allow | Deny | Ask
