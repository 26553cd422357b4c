"""The users that the first start makes: two, and in development an operator besides. In development their passwords are
kept beside the store, mode 0600, so that tools can sign in again; changing a password forgets it here.

INVARIANT: in production nobody is an operator before somebody with the data folder says so (`doorward user add`).
"""

from pathlib import Path

import msgspec

from doorward.compose.house import Places
from doorward.identity import private_files
from doorward.model.chat import JsonObject
from doorward.model.settings import Settings
from doorward.sign_in.routes import SignIn


async def first_users(settings: Settings, sign_in: SignIn | None) -> list[JsonObject]:
    """The first users with their passwords, as far as they are known. None with an outside issuer."""
    if sign_in is None:
        return []
    production = settings.environment == "production"
    made = await sign_in.accounts.ensure_first_users(with_operator=not production)
    users: list[JsonObject] = [{"username": name, "password": password.reveal()} for name, password in made]
    if production:
        return users
    file = Places(settings).first_users
    if users:
        private_files.replace(file, msgspec.json.encode(users))
        return users
    return _read(file)


def forget_password(settings: Settings, username: str) -> None:
    """The password of this user was changed: what is kept is no longer true."""
    file = Places(settings).first_users
    users = _read(file)
    kept = [user for user in users if user["username"] != username]
    if kept != users:
        private_files.replace(file, msgspec.json.encode(kept))


def _read(file: Path) -> list[JsonObject]:
    return msgspec.json.decode(file.read_bytes(), type=list[JsonObject]) if file.exists() else []
