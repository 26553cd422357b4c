"""Posts forms to the issuer over HTTP, for `browser_session_provider.PostForm`. `compose` gives it the shared client.

Follows no redirect (the code and the refresh token would travel on) and reads at most 64 KiB within 10 seconds.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import msgspec

from doorward.errors import StoreUnavailable
from doorward.front_door.browser_session_provider import PostForm
from doorward.model.secret import Secret

_TIMEOUT = aiohttp.ClientTimeout(total=10.0)
_MAX_ANSWER = 65536
_HEADERS = {"accept": "application/json", "accept-encoding": "identity"}


def form_poster(http: aiohttp.ClientSession) -> PostForm:
    """A `PostForm` over `http`. An answer that is no JSON object reads as an empty one."""

    async def post_form(
        url: str, fields: Mapping[str, str], auth: tuple[str, Secret] | None
    ) -> tuple[int, dict[str, Any]]:
        basic = _basic(*auth) if auth else None
        try:
            async with http.post(
                url, data=dict(fields), auth=basic, headers=_HEADERS, allow_redirects=False, timeout=_TIMEOUT
            ) as response:
                body = await response.content.read(_MAX_ANSWER + 1)
                while len(body) <= _MAX_ANSWER and not response.content.at_eof():
                    body += await response.content.read(_MAX_ANSWER + 1)
        except (aiohttp.ClientError, TimeoutError):
            raise StoreUnavailable("The issuer did not answer.", code="issuer_unreachable") from None
        return response.status, _json_object(body)

    return post_form


def _basic(client_id: str, secret: Secret) -> aiohttp.BasicAuth:
    """Both are form-encoded before they are joined (RFC 6749 section 2.3.1)."""
    return aiohttp.BasicAuth(quote_plus(client_id), quote_plus(secret.reveal()), encoding="utf-8")


def _json_object(body: bytes) -> dict[str, Any]:
    if len(body) > _MAX_ANSWER:
        return {}
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
