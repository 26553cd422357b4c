"""Takes a stream of server-sent events apart, without input or output of its own. Used by `decode`.

Follows the WHATWG rules of interpreting an event stream (HTML, section 9.2.6): lines end in LF, CR LF or CR, several
``data`` lines of an event are joined by LF, comments and other fields are passed over. It differs in one point: an
event that the end of the stream cuts off before its blank line still counts, since many servers leave that line out.
"""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SseReader:
    """Bytes in as they arrive, the data of whole events out. Refuses an event above `max_event_bytes`.

    INVARIANT: however the same bytes are cut into chunks, the same data comes out.
    """

    def __init__(self, max_event_bytes: int) -> None:
        self.too_large = False
        self._limit = max_event_bytes
        self._rest = bytearray()
        self._after_cr = False
        self._first = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that `chunk` completes. Once `too_large` is set, nothing more comes."""
        if self.too_large:
            return []
        chunk = self._line_feeds(chunk)
        rest = self._rest
        start = max(len(rest) - 1, 0)
        rest += chunk
        end = rest.rfind(b"\n\n", start)
        if end < 0:
            self._check_rest()
            return []
        block = bytes(rest[:end])
        del rest[: end + 2]
        found = self._events(block.split(b"\n\n"))
        if not self.too_large:
            self._check_rest()
        return found

    def close(self) -> list[bytes]:
        """The data of an event that the end of the stream cut off."""
        block = bytes(self._rest)
        self._rest.clear()
        return [] if self.too_large else self._events([block])

    def _line_feeds(self, chunk: bytes) -> bytes:
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _check_rest(self) -> None:
        # Line feeds at the edges are not counted: whether they are here yet depends on how the stream was cut.
        if len(self._rest) > self._limit and len(self._rest.strip(b"\n")) > self._limit:
            self.too_large = True

    def _events(self, records: list[bytes]) -> list[bytes]:
        if self._first and records and records[0]:
            self._first = False
            records[0] = records[0].removeprefix(_BYTE_ORDER_MARK)
        found = []
        for record in records:
            if len(record) > self._limit and len(record.strip(b"\n")) > self._limit:
                self.too_large = True
                break
            data = _data(record)
            if data:
                found.append(data)
        return found


def _data(record: bytes) -> bytes:
    if record.startswith(b"data: ") and b"\n" not in record:
        return record[6:]
    lines = [line[5:].removeprefix(b" ") for line in record.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines)
