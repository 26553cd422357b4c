"""Who is there after the first start: an operator on one's own machine, and none in production."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from doorward.compose.first_users import first_users
from doorward.compose.house import Places
from doorward.compose.issuing import embedded_sign_in
from doorward.compose.listen import with_addresses
from doorward.compose.settings import load
from doorward.stores.sqlite.open import open_gateway

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("environment", "operators"), [("development", ["operator"]), ("production", [])])
async def test_production_has_no_operator_before_somebody_says_so(
    tmp_path: Path, environment: str, operators: list[str]
) -> None:
    loaded = load(environ={}, options={"data": str(tmp_path), "environment": environment})
    settings = with_addresses(loaded.settings, gateway_port=8000, agent_port=8080)
    settings = replace(settings, gateway=replace(settings.gateway, public_url="https://chat.example.com"))
    stores = open_gateway(Places(settings).gateway_store)
    try:
        sign_in = embedded_sign_in(settings, stores)
        made = await first_users(settings, sign_in)
        accounts = await sign_in.accounts.list()
    finally:
        stores.close()
    assert [user["username"] for user in made] == ["user-one", "user-two", *operators]
    assert [account.username for account in accounts if account.roles] == operators
