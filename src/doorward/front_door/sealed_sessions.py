"""A `BrowserSessionStore` in front of another: what it keeps of the users' tokens is sealed (AES-256-GCM).

Composed around the engine's store, so that a copy of the database file opens nothing. A row that cannot be opened,
since the key is another or somebody changed it, is no session.
"""

import base64
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.structs import replace

from doorward.model.secret import Secret
from doorward.model.sign_in import BrowserSession
from doorward.ports.sign_in import BrowserSessionStore

_NONCE_BYTES = 12


class SealedSessions:
    """Fulfils `BrowserSessionStore`. `key` has 32 bytes; with another key every browser has to sign in again.

    INVARIANT: a sealed token opens only in its own session and field, so that rows cannot be mixed.
    """

    def __init__(self, store: BrowserSessionStore, key: bytes) -> None:
        self._store = store
        self._cipher = AESGCM(key)

    async def save(self, session: BrowserSession) -> None:
        refresh = session.refresh_token
        await self._store.save(
            replace(
                session,
                csrf_token=self._seal(session.csrf_token, session, "csrf_token"),
                id_token=self._seal(session.id_token, session, "id_token"),
                access_token=self._seal(session.access_token, session, "access_token"),
                refresh_token=None if refresh is None else self._seal(refresh, session, "refresh_token"),
            )
        )

    async def get(self, id_hash: str) -> BrowserSession | None:
        session = await self._store.get(id_hash)
        if session is None:
            return None
        refresh = session.refresh_token
        try:
            return replace(
                session,
                csrf_token=self._open(session.csrf_token, session, "csrf_token"),
                id_token=self._open(session.id_token, session, "id_token"),
                access_token=self._open(session.access_token, session, "access_token"),
                refresh_token=None if refresh is None else self._open(refresh, session, "refresh_token"),
            )
        except (ValueError, InvalidTag):
            return None

    async def delete(self, id_hash: str) -> None:
        await self._store.delete(id_hash)

    async def delete_subject(self, issuer: str, subject: str) -> None:
        await self._store.delete_subject(issuer, subject)

    async def delete_expired(self, now: float) -> None:
        await self._store.delete_expired(now)

    def _seal(self, clear: Secret, session: BrowserSession, field: str) -> Secret:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, clear.reveal().encode(), _place(session, field))
        return Secret(base64.b64encode(nonce + sealed).decode("ascii"))

    def _open(self, kept: Secret, session: BrowserSession, field: str) -> Secret:
        sealed = base64.b64decode(kept.reveal(), validate=True)
        clear = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _place(session, field))
        return Secret(clear.decode())


def _place(session: BrowserSession, field: str) -> bytes:
    return f"browser-session\0{session.id_hash}\0{session.issuer}\0{session.subject}\0{field}".encode()
