"""Who knocks at a function: whom the authorizer of API Gateway verified, and only with a token for us."""

from typing import Any

import pytest

from doorward.front_door.authorizer_claims import AuthorizerClaims
from doorward.front_door.visit import Visit
from doorward.http.lambda_events import CLAIMS
from doorward.http.request import Request
from doorward.http.response import Response
from doorward.http.routes import Access, Route
from doorward.model.settings import SignInSettings
from doorward.model.verdicts import Deny

pytestmark = pytest.mark.anyio

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_pool"
GOOD = {
    "iss": ISSUER,
    "sub": "6f1c",
    "token_use": "access",
    "client_id": "page",
    "username": "ada",
    "cognito:groups": "operator,staff",
}
CHECK = AuthorizerClaims(SignInSettings(issuer=ISSUER, client_id="page"), frozenset({"page"}))


async def nobody() -> Any:
    raise AssertionError("nothing is read")


async def answer(_: Request) -> Response:
    return Response()


def visit(claims: dict[str, Any] | None, access: Access = Access.USER) -> Visit:
    scope = {"method": "GET", "path": "/api/me", "query_string": b"", "headers": [], CLAIMS: claims}
    made = Visit(scope, nobody)
    made.route = Route(method="GET", path="/api/me", handler=answer, access=access)
    return made


async def test_the_user_is_the_pair_of_issuer_and_subject_with_roles_as_api_gateway_writes_them() -> None:
    knock = visit(GOOD)
    assert await CHECK.check(knock) is None
    assert knock.user is not None
    assert (knock.user.issuer, knock.user.subject, knock.user.username) == (ISSUER, "6f1c", "ada")
    assert knock.user.roles == {"operator", "staff"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"token_use": "id"}, "token_type"),
        ({"token_use": None}, "token_type"),
        ({"iss": ISSUER + "2"}, "token_issuer"),
        ({"client_id": "stranger"}, "token_audience"),
        ({"client_id": None}, "token_audience"),
        ({"sub": ""}, "token_claims"),
        ({"sub": "a\nb"}, "token_claims"),
        ({"sub": ["a"]}, "token_claims"),
        ({"username": "x" * 300}, "token_claims"),
    ],
)
async def test_a_token_of_another_kind_client_or_issuer_opens_nothing(changes: dict[str, Any], code: str) -> None:
    """AP-JWT-06, AP-JWT-07, AP-JWT-09."""
    knock = visit({**GOOD, **changes})
    verdict = await CHECK.check(knock)
    assert isinstance(verdict, Deny)
    assert (verdict.code, verdict.status) == (code, 401)
    assert knock.user is None


async def test_without_an_authorizer_nobody_is_known_and_public_routes_are_left_alone() -> None:
    verdict = await CHECK.check(visit(None))
    assert isinstance(verdict, Deny)
    assert verdict.code == "unauthenticated"
    assert await CHECK.check(visit(None, Access.PUBLIC)) is None
