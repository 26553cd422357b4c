"""Discovery, keys, and what is refused at start-up."""

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from tests.unit.sign_in.world import World, key, make_world

from doorward.errors import ConfigurationError, Unauthenticated
from doorward.model.secret import Secret
from doorward.model.sign_in import Client
from doorward.sign_in.clients import Clients
from doorward.sign_in.routes import routes
from doorward.sign_in.signing import SigningKeys

pytestmark = pytest.mark.anyio


async def test_discovery_names_only_endpoints_that_are_there() -> None:
    world = await make_world()
    document = (await world.browser().http.get("/.well-known/openid-configuration")).json()
    assert document["issuer"] == world.issuer
    for name in (name for name in document if name.endswith(("_endpoint", "_uri"))):
        path = document[name].removeprefix(world.issuer)
        assert world.table.find("GET", tuple(path.strip("/").split("/"))) is not None, name


async def test_the_published_keys_verify_and_have_no_private_part() -> None:
    world = await make_world()
    jwks = (await world.browser().http.get("/.well-known/jwks.json")).json()
    assert set(jwks["keys"][0]) == {"kty", "n", "e", "kid", "use", "alg"}
    tokens = await world.browser().tokens()
    decoded = jwt.decode(tokens["access_token"], KeySet.import_key_set(jwks), algorithms=["RS256"])
    assert decoded.header["kid"] == jwks["keys"][0]["kid"]


def test_the_newest_key_signs_and_the_older_ones_still_verify() -> None:
    old = SigningKeys([key()])
    newer = RSAKey.generate_key(2048, auto_kid=True)
    both = SigningKeys([newer, key()])
    assert both.verify(old.sign({}, {"a": 1}))[1] == {"a": 1}
    assert both.verify(both.sign({}, {"a": 1}))[0]["kid"] == newer.kid
    with pytest.raises(Unauthenticated):
        old.verify(both.sign({}, {"a": 1}))


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "/callback",
        "//evil.example/",
        "https:///x",
        "https://*.example.com/",
        "https://a.example/#x",
        "https://user@a.example/",
        "https://a.example/\n",
        "https://a.example\\@b.example/",
    ],
)
def test_unsafe_redirect_uris_cannot_be_registered(uri: str) -> None:
    with pytest.raises(ConfigurationError):
        Clients([Client(client_id="a", redirect_uris=(uri,))])


def test_an_app_may_register_a_scheme_of_its_own() -> None:
    assert Clients([Client(client_id="a", redirect_uris=("com.example.app:/callback",))]).find("a") is not None


def test_two_clients_with_one_id_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        Clients([Client(client_id="a", redirect_uris=())] * 2)


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "127.0.0.1:8000"},
        {"issuer": "http://127.0.0.1:8000/"},
        {"issuer": "http://127.0.0.1:8000/x"},
        {"cookie_key": Secret("short")},
    ],
)
def test_unsafe_parts_are_refused_at_start_up(changed: dict) -> None:
    with pytest.raises(ConfigurationError):
        routes(msgspec.structs.replace(World().parts, **changed))


def test_there_must_be_a_key() -> None:
    with pytest.raises(ConfigurationError):
        SigningKeys([])
