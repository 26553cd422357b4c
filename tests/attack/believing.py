"""Verifiers of tokens that believe what ours does not, each in one way."""

import base64
import hashlib
import hmac
import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry, deserialize_compact

from doorward.identity import tokens
from doorward.identity.compact import CompactJwt

Patch = pytest.MonkeyPatch
Believes = Callable[[dict[str, Any], str, Any], bool]


def _decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def believing(when: Believes) -> Callable[[Patch], None]:
    """A verifier that takes a token without the issuer's signature `when` (header, token, key set) says so."""

    def patch(mp: Patch) -> None:
        real = tokens._signed

        async def signed(token: str, rules: Any, source: Any, keys: Any) -> Any:
            try:
                header, said = (_decoded(part) for part in token.split(".")[:2])
                believed = isinstance(header, dict) and when(header, token, keys)
            except (ValueError, IndexError):
                believed = False
            if not believed:
                return await real(token, rules, source, keys)
            kind = str(header.get("typ", "")).lower().removeprefix("application/")
            believed_jwt = CompactJwt(
                algorithm="RS256", key_id=None, type=kind, claims=said, signing_input=b"", signature=b""
            )
            return believed_jwt, keys

        mp.setattr(tokens, "_signed", signed)

    return patch


def no_algorithm(header: dict[str, Any], token: str, keys: Any) -> bool:
    return str(header.get("alg")).strip().lower() == "none"


def secret_is_public_key(header: dict[str, Any], token: str, keys: Any) -> bool:
    if header.get("alg") != "HS256":
        return False
    signed, _, signature = token.rpartition(".")
    found = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    pems = [key.as_pem(private=False) for key in keys._by_id.values()]
    return any(hmac.digest(pem, signed.encode(), hashlib.sha256) == found for pem in pems)


def key_in_header(header: dict[str, Any], token: str, keys: Any) -> bool:
    if "jwk" not in header:
        return False
    registry = JWSRegistry(strict_check_header=False)
    registry.max_header_length = 100_000
    deserialize_compact(token, RSAKey.import_key(header["jwk"]), algorithms=["RS256"], registry=registry)
    return True


def key_by_address(header: dict[str, Any], token: str, keys: Any) -> bool:
    for name in ("jku", "x5u"):
        if str(header.get(name, "")).startswith("http://127.0.0.1"):
            try:
                urllib.request.urlopen(header[name], timeout=0.3).read()  # noqa: S310 - loopback only
            except OSError:
                return False
    return False


def key_by_path(header: dict[str, Any], token: str, keys: Any) -> bool:
    if "dev/null" not in str(header.get("kid")):
        return False
    signed, _, signature = token.rpartition(".")
    expected = base64.urlsafe_b64encode(hmac.digest(b"", signed.encode(), hashlib.sha256)).rstrip(b"=").decode()
    return hmac.compare_digest(expected, signature)


def derives_keys(header: dict[str, Any], token: str, keys: Any) -> bool:
    if "p2c" in header:
        hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", int(header["p2c"]))
    return False
