"""What the front door asks about browser sessions."""

from typing import Protocol

from doorward.model.sign_in import BrowserSession


class BrowserSessions(Protocol):
    """Finds the session of a request. Fails closed: `StoreUnavailable` when it cannot look."""

    async def find(self, cookie_header: str) -> BrowserSession | None:
        """The session that the cookie of ours in this Cookie header opens; None without one, or when it has ended."""
        ...


class NoBrowserSessions:
    """For processes that sign no browser in."""

    async def find(self, cookie_header: str) -> BrowserSession | None:
        """Never one."""
        del cookie_header
        return None
