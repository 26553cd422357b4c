"""``/api/operator/ledger`` and ``/api/operator/requests``: entries of every door, one request's story, the chains."""

from doorward.front_door.api.operator.filters import FILTERS, time_of, wanted_of
from doorward.front_door.api.operator.shapes import (
    ChainList,
    EntryList,
    RequestStory,
    chain_item,
    entry_item,
    story_turn,
)
from doorward.front_door.api.parameters import cursor_of, limit_of
from doorward.front_door.api.shapes import timestamp
from doorward.http.request import Request
from doorward.http.response import Response, json_response
from doorward.http.routes import Access, Handler, Route
from doorward.ports.operator import LedgerDesk


def ledger_routes(desk: LedgerDesk) -> list[Route]:
    """The ledger, for looking; `ledger_export` has the files."""

    async def chains(_: Request) -> Response:
        return json_response(ChainList(chains=[chain_item(state) for state in await desk.chains()]))

    async def verify(_: Request) -> Response:
        return json_response(ChainList(chains=[chain_item(state) for state in await desk.walk()]), status=202)

    return [
        Route(
            method="GET",
            path="/api/operator/ledger",
            handler=_page(desk),
            access=Access.OPERATOR,
            query=("limit", "cursor", *FILTERS),
            summary="Entries of the ledger, newest first, of all doors together.",
            responses={200: EntryList},
        ),
        Route(
            method="GET",
            path="/api/operator/requests/{request_id}",
            handler=_story(desk),
            access=Access.OPERATOR,
            query=("near",),
            summary="One request across all doors, by its id; near= says when it was, which makes the search short.",
            responses={200: RequestStory},
        ),
        Route(
            method="GET",
            path="/api/operator/ledger/chains",
            handler=chains,
            access=Access.OPERATOR,
            summary="Whether each chain holds, and when it was last verified.",
            responses={200: ChainList},
        ),
        Route(
            method="POST",
            path="/api/operator/ledger/chains/verify",
            handler=verify,
            access=Access.OPERATOR,
            summary="Begin to verify every chain from its start; the state of the chains says when it is done.",
            responses={202: ChainList},
        ),
    ]


def _page(desk: LedgerDesk) -> Handler:
    async def page(request: Request) -> Response:
        query = request.query()
        limit, cursor = limit_of(query), cursor_of(query)
        found = await desk.page(await wanted_of(query, desk), limit=limit, cursor=cursor)
        return json_response(
            EntryList(
                entries=[entry_item(each) for each in found.items],
                next_cursor=found.next_cursor,
                read_back_to=None if found.read_back_to is None else timestamp(found.read_back_to),
                unread=list(found.unread),
            )
        )

    return page


def _story(desk: LedgerDesk) -> Handler:
    async def story(request: Request) -> Response:
        found = await desk.story(request.params["request_id"], near=time_of(request.query(), "near"))
        return json_response(
            RequestStory(
                request_id=found.request_id,
                entries=[entry_item(each) for each in found.entries],
                turns=[story_turn(turn) for turn in found.turns],
                complete=found.complete,
            )
        )

    return story
