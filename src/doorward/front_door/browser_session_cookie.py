"""The cookies of browser sessions: their names, their attributes, and one strict way to read them.

Called by `browser_session`. A cookie that is given twice is not read at all (cookie tossing, AP-OAU-05).
"""

import re

_VALUE = re.compile(r"[A-Za-z0-9_-]{1,2048}")


class CookieJar:
    """The cookie `name` on the origin `public_url`. On https it is ``__Host-`` and Secure (RFC 6265bis 4.1.3.2), else
    it cannot be: plain http is for one machine."""

    def __init__(self, public_url: str, *, secure_name: str, plain_name: str) -> None:
        self.secure = public_url.startswith("https://")
        self.name = f"__Host-{secure_name}" if self.secure else plain_name

    def set(self, value: str, *, max_age: int) -> tuple[bytes, bytes]:
        """The header that sets it for `max_age` seconds. SameSite=Lax: the issuer's redirect back must carry it."""
        secure = "; Secure" if self.secure else ""
        cookie = f"{self.name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}"
        return b"set-cookie", cookie.encode("ascii")

    def clear(self) -> tuple[bytes, bytes]:
        """The header that removes it."""
        return self.set("", max_age=0)

    def read(self, cookie_header: str) -> str | None:
        """Its value, or None when it is missing, given twice, or not a value that we could have set."""
        if self.name not in cookie_header:
            return None
        pairs = (part.strip().partition("=") for part in cookie_header.split(";"))
        values = [value for name, _, value in pairs if name == self.name]
        if len(values) != 1 or not _VALUE.fullmatch(values[0]):
            return None
        return values[0]
