"""The OAuth clients and how they say who they are. Built at start-up, where it refuses unsafe redirect URIs."""

import base64
import binascii
from collections.abc import Iterable
from urllib.parse import unquote_plus, urlsplit

from doorward.errors import ConfigurationError
from doorward.http.request import Request
from doorward.model.sign_in import Client
from doorward.sign_in.oauth_errors import OAuthError

_UNSAFE_SCHEMES = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "filesystem", ""})


class Clients:
    """Finds clients by id and authenticates them (RFC 6749 section 2.3)."""

    def __init__(self, clients: Iterable[Client]) -> None:
        self._by_id: dict[str, Client] = {}
        for client in clients:
            if client.client_id in self._by_id:
                raise ConfigurationError(f"Two clients have the id {client.client_id!r}; give one another id.")
            for uri in (*client.redirect_uris, *client.logout_uris):
                _check_uri(uri)
            self._by_id[client.client_id] = client

    def find(self, client_id: str | None) -> Client | None:
        """The client, by its exact id."""
        return self._by_id.get(client_id or "")

    def authenticate(self, request: Request) -> Client:
        """The client behind a call of the token endpoint: ``client_secret_basic``, ``client_secret_post`` or, for a
        public client, ``client_id`` alone. `OAuthError` (``invalid_client``, ``invalid_request``)."""
        form = request.form
        headers = request.header_values("authorization")
        if not headers:
            return self._known(form.get("client_id", ""), form.get("client_secret"))
        if "client_secret" in form or len(headers) > 1:
            raise OAuthError("invalid_request", "The client authenticates in more than one way.")
        client_id, secret = _basic(headers[0])
        if form.get("client_id", client_id) != client_id:
            raise OAuthError("invalid_request", "Two client ids are given.")
        return self._known(client_id, secret)

    def _known(self, client_id: str, secret: str | None) -> Client:
        client = self.find(client_id)
        if client is None:
            raise _unknown()
        if client.secret is None:
            if secret:
                raise _unknown()
            return client
        if secret is None or not client.secret.matches(secret):
            raise _unknown()
        return client


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise _unknown()
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise _unknown() from None
    client_id, _, secret = decoded.partition(":")
    # RFC 6749 section 2.3.1: both are form-encoded before they are joined.
    return unquote_plus(client_id), unquote_plus(secret)


def _unknown() -> OAuthError:
    return OAuthError("invalid_client", "The client is unknown or did not authenticate.", status=401)


def _check_uri(uri: str) -> None:
    """Registered URIs are absolute, without wildcard, fragment or user (RFC 9700 section 4.1.3)."""
    parts = urlsplit(uri)
    web = parts.scheme in ("http", "https")
    if (
        parts.scheme in _UNSAFE_SCHEMES
        or (web and not parts.hostname)
        or any(mark in uri for mark in "*#\\ ")
        or "@" in parts.netloc
        or not uri.isascii()
        or not uri.isprintable()
    ):
        raise ConfigurationError(f"The URI {uri!r} of a client cannot be registered: give an exact, absolute URI.")
