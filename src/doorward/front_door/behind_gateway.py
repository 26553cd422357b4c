"""The front door's list for functions behind API Gateway and WAF. What those do (TLS, the limit per address, the
token's signature) is not done again; what they do not do is done by the very checks of the house."""

from collections.abc import Sequence

from doorward.front_door.access import Access
from doorward.front_door.authorizer_claims import AuthorizerClaims
from doorward.front_door.body import Body
from doorward.front_door.check import MakeCheck, Tools
from doorward.front_door.cors import Cors
from doorward.front_door.host import Host
from doorward.front_door.known_bad_inputs import KnownBadInputs
from doorward.front_door.known_route import KnownRoute
from doorward.front_door.own_api import OwnApi
from doorward.front_door.path import Path
from doorward.front_door.query import Query
from doorward.front_door.repeated_header import RepeatedHeader
from doorward.front_door.request_id import RequestId
from doorward.front_door.size import Size
from doorward.front_door.user_limits import UserLimits
from doorward.model.settings import SignInSettings


def behind_api_gateway(settings: SignInSettings, clients: frozenset[str], api: str) -> Sequence[MakeCheck]:
    """The list, in order. `clients` are the client ids whose tokens are taken, `api` whose events are (`OwnApi`)."""

    def own_api(tools: Tools) -> OwnApi:
        del tools
        return OwnApi(api)

    def authorizer_claims(tools: Tools) -> AuthorizerClaims:
        del tools
        return AuthorizerClaims(settings, clients)

    return (
        RequestId,
        RepeatedHeader,
        Size,
        Path,
        Host,
        Cors,
        KnownBadInputs,
        KnownRoute,
        own_api,
        authorizer_claims,
        Access,
        UserLimits,
        Query,
        Body,
    )
