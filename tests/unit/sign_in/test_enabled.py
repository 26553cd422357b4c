"""A token of an account that was disabled meanwhile opens nothing."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from doorward.errors import Unauthenticated
from doorward.model.principals import User
from doorward.model.sign_in import Account
from doorward.sign_in.enabled import EnabledAccounts
from doorward.stores.sqlite.open import open_gateway

pytestmark = pytest.mark.anyio
ACCOUNT = Account(subject="s-1", username="one", email="one@doorward.invalid", password_hash="x")


class Anybody:
    """Every token is one of this subject."""

    async def verify(self, token: str) -> User:
        return User(issuer="https://issuer.test", subject=token, username="one")


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_a_disabled_account_is_refused_within_a_second_and_let_in_when_enabled_again(tmp_path: Path) -> None:
    stores, clock = open_gateway(tmp_path / "gateway.db"), Clock()
    try:
        verifier = EnabledAccounts(Anybody(), stores.accounts, clock)
        await stores.accounts.add(ACCOUNT)
        assert (await verifier.verify("s-1")).subject == "s-1"

        await stores.accounts.set_disabled("one", True)
        clock.now += 1.0
        with pytest.raises(Unauthenticated) as caught:
            await verifier.verify("s-1")
        assert caught.value.code == "account_disabled"

        await stores.accounts.set_disabled("one", False)
        assert (await verifier.verify("s-1")).subject == "s-1"
    finally:
        stores.close()


async def test_an_account_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    stores = open_gateway(tmp_path / "gateway.db")
    try:
        with pytest.raises(Unauthenticated):
            await EnabledAccounts(Anybody(), stores.accounts, Clock()).verify("nobody")
    finally:
        stores.close()


class Operators:
    """Every token says that its subject is an operator."""

    async def verify(self, token: str) -> User:
        return User(issuer="https://issuer.test", subject=token, username="one", roles=frozenset({"operator", "x"}))


async def test_a_role_that_was_taken_away_is_gone_from_tokens_within_a_second(tmp_path: Path) -> None:
    """AP-SES-08: a token says what its user was when it was issued."""
    stores, clock = open_gateway(tmp_path / "gateway.db"), Clock()
    try:
        verifier = EnabledAccounts(Operators(), stores.accounts, clock)
        await stores.accounts.add(replace(ACCOUNT, roles=frozenset({"operator"})))
        assert (await verifier.verify("s-1")).roles == {"operator"}

        await stores.accounts.set_roles("one", frozenset())
        clock.now += 1.0
        assert (await verifier.verify("s-1")).roles == frozenset()
    finally:
        stores.close()
