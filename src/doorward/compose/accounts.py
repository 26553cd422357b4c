"""What the command line does with the embedded sign-in's users: opens the store, acts, closes it.

The settings are those of `running.as_running`, with every address filled in.
"""

import secrets
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec.structs import replace

from doorward.compose.first_users import forget_password
from doorward.compose.house import PROGRAM_CLIENT, Places, is_embedded, issuer
from doorward.compose.issuing import embedded_sign_in
from doorward.errors import ConfigurationError, DoorwardError, NotFound
from doorward.model.ledger import LedgerEntry
from doorward.model.settings import Settings
from doorward.model.sign_in import Account
from doorward.sign_in.routes import SignIn, tokens_of
from doorward.sign_in.tokens import Grant
from doorward.stores.sqlite.open import GatewayStores, open_gateway

T = TypeVar("T")
Act = Callable[[GatewayStores, SignIn], Awaitable[T]]


async def add_user(settings: Settings, username: str, password: str, *, email: str, roles: frozenset[str]) -> Account:
    """`InvalidInput`, `Conflict` (``username_taken``)."""

    async def act(_: GatewayStores, sign_in: SignIn) -> Account:
        return await sign_in.accounts.add(username, password, email=email, roles=roles)

    return await _recorded(settings, "user add", username, act)


async def list_users(settings: Settings) -> list[Account]:
    """By username."""
    return await _with_sign_in(settings, lambda _, sign_in: sign_in.accounts.list())


async def disable_user(settings: Settings, username: str, *, disabled: bool) -> None:
    """Disable or enable. Disabling ends every session and refresh token at once; an access token that is out lives its
    time. `NotFound`."""
    action = "user disable" if disabled else "user enable"
    await _recorded(
        settings, action, username, lambda _, sign_in: sign_in.accounts.disable(username, disabled=disabled)
    )


async def set_roles(settings: Settings, username: str, roles: frozenset[str]) -> None:
    """Replace them; sessions and refresh tokens end. `NotFound`."""

    async def act(stores: GatewayStores, _: SignIn) -> None:
        if not await stores.accounts.set_roles(username, roles):
            raise NotFound("There is no such user.", code="user_not_found")

    await _recorded(settings, "user roles", username, act)


async def set_password(settings: Settings, username: str, password: str) -> None:
    """Replace it, and end every session of the user. `NotFound`, `InvalidInput`."""

    async def act(stores: GatewayStores, sign_in: SignIn) -> None:
        await sign_in.accounts.set_password(username, password)
        account = await stores.accounts.by_username(username)
        if account is not None:
            await stores.sessions.delete_subject(sign_in.issuer, account.subject)

    await _recorded(settings, "user passwd", username, act)
    forget_password(settings, username)


async def access_token(settings: Settings, username: str) -> str:
    """An access token as a program would get it by signing in. `NotFound` for an unknown or disabled user."""

    async def act(_: GatewayStores, sign_in: SignIn) -> str:
        found = next((item for item in await sign_in.accounts.list() if item.username == username), None)
        if found is None or found.disabled:
            raise NotFound(f"There is no user {username} who may sign in.", code="user_not_found")
        grant = Grant(client_id=PROGRAM_CLIENT, scope="openid email profile", auth_time=time.time())
        return tokens_of(sign_in).access(found, grant)

    return await _recorded(settings, "token", username, act)


def random_password() -> str:
    """120 random bits."""
    return secrets.token_urlsafe(15)


async def _recorded(settings: Settings, action: str, username: str, act: Act[T]) -> T:
    """What an operator does on the command line stands in the ledger before it is done, and its refusal after."""

    async def recorded(stores: GatewayStores, sign_in: SignIn) -> T:
        entry = LedgerEntry(
            door="command_line",
            verdict="allow",
            code="operator",
            principal="operator",
            on_behalf_of=username,
            action=action,
            at=time.time(),
        )
        await stores.ledger.append(entry)
        try:
            return await act(stores, sign_in)
        except DoorwardError as error:
            await stores.ledger.append(replace(entry, verdict="deny", code=error.code, at=time.time()))
            raise

    return await _with_sign_in(settings, recorded)


async def _with_sign_in(settings: Settings, act: Act[T]) -> T:
    if not is_embedded(settings):
        raise ConfigurationError(
            f"Users are kept by {issuer(settings)}, not here: this works with the embedded sign-in only.",
            code="not_embedded",
        )
    stores = open_gateway(Places(settings).gateway_store)
    try:
        return await act(stores, embedded_sign_in(settings, stores))
    finally:
        stores.close()
