"""Fetches an issuer's documents over HTTP. The only file of `identity` that knows an HTTP client.

Compose gives it to key sources and to discovery. It follows no redirect, sends no credential, and stops at a size and a
time.
"""

import aiohttp

from doorward.errors import StoreUnavailable

MAX_DOCUMENT_BYTES = 512 * 1024
FETCH_TIMEOUT = 5.0


class HttpFetch:
    """`discovery.Fetch` on a shared session. The URL is the issuer's own, never one from a token (AP-JWT-04)."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        timeout: float = FETCH_TIMEOUT,
        max_bytes: int = MAX_DOCUMENT_BYTES,
    ) -> None:
        """`timeout` in seconds for the whole answer, `max_bytes` for its body."""
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._max_bytes = max_bytes

    async def __call__(self, url: str) -> bytes:
        """The body of a 200. Raises `StoreUnavailable` (``issuer_unreachable``)."""
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        try:
            async with self._session.get(url, timeout=self._timeout, allow_redirects=False, headers=headers) as answer:
                if answer.status != 200:
                    raise _unavailable(f"It answered with status {answer.status}.")
                return await self._body(answer)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise _unavailable("It cannot be reached.") from None

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in answer.content.iter_chunked(16_384):
            body += chunk
            if len(body) > self._max_bytes:
                raise _unavailable("Its answer is too large.")
        return bytes(body)


def _unavailable(reason: str) -> StoreUnavailable:
    return StoreUnavailable(f"The issuer is not available. {reason}", code="issuer_unreachable")
