"""What the head of a request may be: pure checks that `http.protocol` runs before anything is routed.

llhttp, the parser beneath, already refuses bare CR and LF, folded lines, spaces before a colon, NUL, repeated
Content-Length, and Content-Length together with Transfer-Encoding. What it lets pass is refused here (RFC 9112).
"""

Headers = list[tuple[bytes, bytes]]

# Fields that are lists by their definition (RFC 9110 5.3), and those that proxies append to. No other may be repeated.
_LISTS = frozenset(
    (
        b"accept accept-charset accept-encoding accept-language cache-control connection forwarded if-match "
        b"if-none-match pragma prefer priority te tracestate baggage via warning x-forwarded-for x-forwarded-host "
        b"x-forwarded-proto x-forwarded-port"
    ).split()
)
_WATCHED = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"http2-settings", b"trailer"})


class Refusal(Exception):
    """A request that is not read any further. `detail` is shown to the caller."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


def check_head(version: str, method: bytes, target: bytes, headers: Headers) -> None:
    """Raise `Refusal` for a head that two parsers could read in two ways, or that asks for what we do not speak.

    Only HTTP/1.1: a 1.0 client cannot be sent a stream of unknown length without guessing about its connection.
    """
    if version != "1.1":
        raise Refusal(505, "http_version", "Only HTTP/1.1 is spoken here.")
    if target[:1] != b"/" or b"#" in target or method == b"CONNECT":
        raise Refusal(400, "request_target", "The request target must be a path.")
    names = [name for name, _ in headers]
    distinct = frozenset(names)
    if b"host" not in distinct:
        raise Refusal(400, "host_header", "Exactly one Host header is needed.")
    if not b"".join(names).replace(b"-", b"").isalnum():
        raise Refusal(400, "header_name", "Header names are letters, digits and hyphens.")
    if len(distinct) != len(names) and is_repeated(names):
        raise Refusal(400, "repeated_header", "A header that may be sent once was sent twice.")
    if not _WATCHED.isdisjoint(distinct):
        _check_watched(dict(headers), distinct)


def split_target(target: bytes) -> tuple[bytes, bytes]:
    """Path and query, both raw, split at the first question mark."""
    path, _, query = target.partition(b"?")
    return path, query


def is_repeated(names: list[bytes]) -> bool:
    """Whether one of these names, in lower case, is there twice that is no list."""
    seen: set[bytes] = set()
    for name in names:
        if name in seen and name not in _LISTS:
            return True
        seen.add(name)
    return False


def _check_watched(headers: dict[bytes, bytes], names: frozenset[bytes]) -> None:
    coding = headers.get(b"transfer-encoding")
    if coding is not None and (coding != b"chunked" or b"content-length" in names):
        raise Refusal(400, "transfer_encoding", "Transfer-Encoding may only be chunked, without Content-Length.")
    if headers.get(b"expect", b"100-continue").lower() != b"100-continue":
        raise Refusal(417, "expectation", "Only 100-continue can be expected.")
    if b"upgrade" in names or b"http2-settings" in names:
        raise Refusal(400, "upgrade_refused", "This server does not change protocols.")
    if b"trailer" in names:
        raise Refusal(400, "trailers_refused", "Trailer fields are not taken.")
