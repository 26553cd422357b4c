"""Errors in the words of OAuth (RFC 6749 sections 4.1.2.1 and 5.2). Endpoints here raise them and turn them into
answers; they never leave the sign-in."""

from doorward.errors import InvalidInput
from doorward.http.response import Response, json_response

NO_STORE: tuple[tuple[bytes, bytes], ...] = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))


class OAuthError(InvalidInput):
    """An error whose `code` is one of OAuth's (``invalid_grant``). `reason` is the finer code for the ledger."""

    code = "invalid_request"

    def __init__(self, code: str, message: str, *, status: int = 400, reason: str = "") -> None:
        super().__init__(message, code=code)
        self.answer_status = status
        self.reason = reason or code

    def response(self, *, challenge: bool) -> Response:
        """The JSON answer of the token and revocation endpoints. `challenge` is for clients that used HTTP Basic
        (RFC 6749 section 5.2); to a page it would only open the browser's own password window."""
        basic = [(b"www-authenticate", b'Basic realm="doorward"')] if challenge and self.answer_status == 401 else []
        return json_response(
            {"error": self.code, "error_description": self.message},
            status=self.answer_status,
            headers=[*NO_STORE, *basic],
        )


class UnsafeRequest(InvalidInput):
    """An authorization request whose client or redirect URI does not hold: nothing is sent there; a page says so."""

    code = "unsafe_request"


class RefusedRequest(InvalidInput):
    """An authorization request that is refused at the client: `error` goes to its (valid) redirect URI."""

    code = "refused_request"

    def __init__(self, error: str, message: str, *, location: str) -> None:
        super().__init__(message)
        self.error = error
        self.location = location
