"""``/api/operator/users``: the users of the embedded sign-in. An outside issuer keeps its own, and that is said."""

from collections.abc import Awaitable, Callable

from doorward.errors import Conflict
from doorward.front_door.api.operator.shapes import AddedUser, NewUser, Roles, UserItem, UserList, user_item
from doorward.front_door.api.parameters import MAX_QUERY, bounded, caller, cursor_of, limit_of
from doorward.http.request import Request
from doorward.http.response import Problem, Response, json_response
from doorward.http.routes import Access, Handler, Route
from doorward.model.console import Act
from doorward.model.sign_in import Account
from doorward.ports.operator import UserAdministration

_USERS = "/api/operator/users"
_ONE = "/api/operator/users/{subject}"


def user_routes(users: UserAdministration | None, issuer: str) -> list[Route]:
    """Users of `issuer`; None when it is an outside one that keeps them: every route then answers with 409
    ``not_embedded``."""
    acts: list[tuple[str, str, Callable[[UserAdministration, Act, str], Awaitable[Account]]]] = [
        ("disable", "Disable a user; every session of theirs ends.", _disable),
        ("enable", "Let a disabled user sign in again.", _enable),
        ("end-sessions", "End a user's browser sessions and refresh tokens.", _end_sessions),
    ]
    return [
        Route(
            method="GET",
            path=_USERS,
            handler=_page(users, issuer),
            access=Access.OPERATOR,
            query=("limit", "cursor", "q"),
            summary="Users by name; q= is what names and addresses contain.",
            responses={200: UserList, 409: Problem},
        ),
        Route(
            method="POST",
            path=_USERS,
            handler=_add(users, issuer),
            access=Access.OPERATOR,
            body=NewUser,
            body_limit=4096,
            summary="Add a user; the password that is made is shown this once.",
            responses={201: AddedUser, 409: Problem},
        ),
        Route(
            method="PUT",
            path=f"{_ONE}/roles",
            handler=_set_roles(users, issuer),
            access=Access.OPERATOR,
            body=Roles,
            body_limit=4096,
            summary="Replace a user's roles; every session of theirs ends, since it holds the old ones.",
            responses={200: UserItem, 404: Problem, 409: Problem},
        ),
        *(
            Route(
                method="POST",
                path=f"{_ONE}/{name}",
                handler=_doing(users, issuer, act),
                access=Access.OPERATOR,
                summary=summary,
                responses={200: UserItem, 404: Problem, 409: Problem},
            )
            for name, summary, act in acts
        ),
    ]


def _kept_here(users: UserAdministration | None) -> UserAdministration:
    if users is None:
        raise Conflict("Users are kept by the issuer that signs them in, not here.", code="not_embedded")
    return users


def _page(users: UserAdministration | None, issuer: str) -> Handler:
    async def page(request: Request) -> Response:
        query = request.query()
        limit, cursor, text = limit_of(query), cursor_of(query), bounded(query, "q", MAX_QUERY)
        found = await _kept_here(users).page(limit=limit, cursor=cursor, query=text)
        return json_response(
            UserList(users=[user_item(each, issuer) for each in found.items], next_cursor=found.next_cursor)
        )

    return page


def _add(users: UserAdministration | None, issuer: str) -> Handler:
    async def add(request: Request) -> Response:
        body: NewUser = request.body
        account, password = await _kept_here(users).add(
            _act(request), body.username, email=body.email, roles=frozenset(body.roles)
        )
        return json_response(AddedUser(user=user_item(account, issuer), password=password.reveal()), status=201)

    return add


def _set_roles(users: UserAdministration | None, issuer: str) -> Handler:
    async def set_roles(request: Request) -> Response:
        subject, roles = request.params["subject"], frozenset(request.body.roles)
        return json_response(user_item(await _kept_here(users).set_roles(_act(request), subject, roles), issuer))

    return set_roles


def _doing(
    users: UserAdministration | None, issuer: str, act: Callable[[UserAdministration, Act, str], Awaitable[Account]]
) -> Handler:
    async def do(request: Request) -> Response:
        return json_response(user_item(await act(_kept_here(users), _act(request), request.params["subject"]), issuer))

    return do


async def _disable(users: UserAdministration, act: Act, subject: str) -> Account:
    return await users.set_disabled(act, subject, disabled=True)


async def _enable(users: UserAdministration, act: Act, subject: str) -> Account:
    return await users.set_disabled(act, subject, disabled=False)


async def _end_sessions(users: UserAdministration, act: Act, subject: str) -> Account:
    return await users.end_sessions(act, subject)


def _act(request: Request) -> Act:
    return Act(caller(request), request.id)
