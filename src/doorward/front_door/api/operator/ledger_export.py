"""``/api/operator/ledger/export.csv`` and ``.json``: all entries that fit, as a file, streamed.

What could not be read stands in the JSON (``unread``) and in the name of the file. A store that fails in the middle
breaks the download off: a part never looks like the whole.
"""

import csv
import io
from collections.abc import AsyncIterator, Sequence

import msgspec

from doorward.front_door.api.operator.filters import FILTERS, wanted_of
from doorward.front_door.api.operator.shapes import EntryItem, entry_item
from doorward.front_door.api.shapes import Shape
from doorward.http.request import Request
from doorward.http.response import Response
from doorward.http.routes import Access, Route
from doorward.model.console import LedgerPage
from doorward.ports.operator import LedgerDesk

_COLUMNS = EntryItem.__struct_fields__
# What a spreadsheet takes for the start of a formula (OWASP, "CSV Injection"), also in its full-width forms.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


class ExportedLedger(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of an export, newest first."""

    entries: list[EntryItem]
    unread: list[str]


def export_routes(desk: LedgerDesk) -> list[Route]:
    """The ledger as a file."""

    async def as_csv(request: Request) -> Response:
        first, pages = await _pages(request, desk)
        return _file(first, "csv", "text/csv; charset=utf-8; header=present", _csv(first, pages))

    async def as_json(request: Request) -> Response:
        first, pages = await _pages(request, desk)
        return _file(first, "json", "application/json", _json(first, pages))

    return [
        Route(
            method="GET",
            path="/api/operator/ledger/export.csv",
            handler=as_csv,
            access=Access.OPERATOR,
            query=FILTERS,
            summary="Entries of the ledger as a table, newest first. No cell can be taken for a formula.",
            responses={200: "text/csv"},
        ),
        Route(
            method="GET",
            path="/api/operator/ledger/export.json",
            handler=as_json,
            access=Access.OPERATOR,
            query=FILTERS,
            summary="Entries of the ledger as JSON, newest first.",
            responses={200: ExportedLedger},
        ),
    ]


async def _pages(request: Request, desk: LedgerDesk) -> tuple[LedgerPage, AsyncIterator[LedgerPage]]:
    """The first page before the answer begins, so that what is wrong with the request is a problem."""
    pages = desk.export(await wanted_of(request.query(), desk))
    return await anext(pages), pages


def _file(first: LedgerPage, suffix: str, media_type: str, chunks: AsyncIterator[bytes]) -> Response:
    name = "-".join(["ledger", *(f"without-{chain}" for chain in first.unread)]) + f".{suffix}"
    return Response(
        headers=[
            (b"content-type", media_type.encode("ascii")),
            (b"content-disposition", f'attachment; filename="{name}"'.encode("ascii")),
        ],
        chunks=chunks,
    )


async def _json(first: LedgerPage, pages: AsyncIterator[LedgerPage]) -> AsyncIterator[bytes]:
    unread = msgspec.json.encode(first.unread)
    yield b'{"entries":['
    comma = b""
    async for items in _items(first, pages):
        if items:
            yield comma + b",".join(msgspec.json.encode(item) for item in items)
            comma = b","
    yield b'],"unread":' + unread + b"}"


async def _csv(first: LedgerPage, pages: AsyncIterator[LedgerPage]) -> AsyncIterator[bytes]:
    yield _rows([_COLUMNS])
    async for items in _items(first, pages):
        if items:
            yield _rows([[_cell(getattr(item, name)) for name in _COLUMNS] for item in items])


async def _items(first: LedgerPage, pages: AsyncIterator[LedgerPage]) -> AsyncIterator[list[EntryItem]]:
    yield [entry_item(found) for found in first.items]
    async for page in pages:
        yield [entry_item(found) for found in page.items]


def _cell(value: object) -> str:
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows(rows)
    return written.getvalue().encode("utf-8", "replace")
