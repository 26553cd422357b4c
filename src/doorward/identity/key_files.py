"""The keys of a house, as files in one folder: made on first use, read ever after.

Compose calls it. It refuses files that others could read (`private_files`) and keys that are too small.
"""

import json
import re
import secrets
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey, RSAKey
from msgspec import Struct

from doorward.errors import ConfigurationError
from doorward.identity.private_files import check_folder, create, load, load_or_create
from doorward.model.secret import Secret

RSA_BITS = 2048
RANDOM_KEY_BYTES = 32
TURN_KEY = "turn-tokens.json"
TURN_PUBLIC_KEY = "turn-tokens.public.json"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,47}")
_SIGN_IN_FILE = re.compile(r"sign-in-([0-9]{4})\.json")
_KEY_ID_CHARACTERS = string.ascii_uppercase + string.digits
_SECRET_CHARACTERS = string.ascii_letters + string.digits + "+/"

T = TypeVar("T")


class WorkloadKey(Struct, frozen=True, kw_only=True):
    """A generated key for signing requests (SigV4): `access_key_id` is 21 characters, the secret 40."""

    access_key_id: str
    secret_access_key: Secret


class _WorkloadFile(Struct, frozen=True, forbid_unknown_fields=True):
    access_key_id: str
    secret_access_key: str


def load_or_create_sign_in_keys(folder: Path) -> list[RSAKey]:
    """The RSA keys of the embedded sign-in, newest first: the first signs, all are published (RFC 7517).

    Each carries ``kid`` (its RFC 7638 thumbprint), ``use`` and ``alg``. The first call makes one.
    """
    check_folder(folder, create=True)
    if not _sign_in_numbers(folder):
        load_or_create(_sign_in_path(folder, 1), _new_rsa_key)
    return [_read(_sign_in_path(folder, number), _rsa_key) for number in sorted(_sign_in_numbers(folder), reverse=True)]


def add_sign_in_key(folder: Path) -> list[RSAKey]:
    """Rotate: make a new key, which signs from the next start on. To retire an old one, remove its file once the
    tokens it signed have expired."""
    load_or_create_sign_in_keys(folder)
    create(_sign_in_path(folder, max(_sign_in_numbers(folder)) + 1), _new_rsa_key())
    return load_or_create_sign_in_keys(folder)


def load_or_create_turn_key(folder: Path) -> Ed25519PrivateKey:
    """The key that signs turn tokens. Its public half is stored beside it, for processes that only verify."""
    path = folder / TURN_KEY
    key = _parse(load_or_create(path, _new_ed25519_key), path, _okp_key)
    public_path = folder / TURN_PUBLIC_KEY
    public = json.dumps(key.as_dict(private=False)).encode()
    stored = _parse(load_or_create(public_path, lambda: public), public_path, _okp_key)
    private = key.private_key
    if not isinstance(private, Ed25519PrivateKey) or stored.thumbprint() != key.thumbprint():
        raise ConfigurationError(f"{path} and {public_path} do not belong together; remove {public_path}")
    return private


def load_turn_public_key(folder: Path) -> Ed25519PublicKey:
    """The public half alone. `ConfigurationError` when the signing process has not made it yet."""
    check_folder(folder, create=False)
    public = _read(folder / TURN_PUBLIC_KEY, _okp_key).public_key
    if not isinstance(public, Ed25519PublicKey):
        raise ConfigurationError(f"{folder / TURN_PUBLIC_KEY} is not an Ed25519 key")
    return public


def load_or_create_workload(folder: Path, name: str) -> WorkloadKey:
    """The access key of one workload of ours, by its name."""
    path = folder / f"workload-{_checked(name)}.json"
    return _parse(load_or_create(path, _new_workload), path, _workload)


def load_or_create_random(folder: Path, name: str) -> bytes:
    """32 random bytes that stay the same, by a name."""
    path = folder / f"random-{_checked(name)}.key"
    return _parse(load_or_create(path, lambda: secrets.token_bytes(RANDOM_KEY_BYTES)), path, _random)


def _sign_in_numbers(folder: Path) -> list[int]:
    names = (_SIGN_IN_FILE.fullmatch(path.name) for path in folder.iterdir())
    return [int(name[1]) for name in names if name]


def _sign_in_path(folder: Path, number: int) -> Path:
    return folder / f"sign-in-{number:04}.json"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} cannot name a key: lower-case letters, digits and - only, 48 at most")
    return name


def _read(path: Path, parse: Callable[[bytes], T]) -> T:
    content = load(path)
    if content is None:
        raise ConfigurationError(f"{path} does not exist; start the gateway first, which makes the keys")
    return _parse(content, path, parse)


def _parse(content: bytes, path: Path, parse: Callable[[bytes], T]) -> T:
    """INVARIANT: the error never quotes the content."""
    try:
        return parse(content)
    except (JoseError, msgspec.DecodeError, ValueError, TypeError, KeyError):
        raise ConfigurationError(
            f"{path} does not hold the key it should; move it away to have a new one made"
        ) from None


def _rsa_key(content: bytes) -> RSAKey:
    key = RSAKey.import_key(_json(content))
    if not key.is_private or key.private_key is None or key.private_key.key_size < RSA_BITS:
        raise ValueError("not a private key of 2048 bits or more")
    return key


def _okp_key(content: bytes) -> OKPKey:
    key = OKPKey.import_key(_json(content))
    if key.curve_name != "Ed25519":
        raise ValueError("not Ed25519")
    return key


def _json(content: bytes) -> dict[str, Any]:
    return msgspec.json.decode(content, type=dict[str, Any])


def _workload(content: bytes) -> WorkloadKey:
    file = msgspec.json.decode(content, type=_WorkloadFile)
    if not 16 <= len(file.access_key_id) <= 128 or not file.secret_access_key:
        raise ValueError("not an access key")
    return WorkloadKey(access_key_id=file.access_key_id, secret_access_key=Secret(file.secret_access_key))


def _random(content: bytes) -> bytes:
    if len(content) != RANDOM_KEY_BYTES:
        raise ValueError("not 32 bytes")
    return content


def _new_rsa_key() -> bytes:
    key = RSAKey.generate_key(RSA_BITS, parameters={"use": "sig", "alg": "RS256"})
    return json.dumps(key.as_dict(private=True, kid=key.thumbprint())).encode()


def _new_ed25519_key() -> bytes:
    key = OKPKey.generate_key("Ed25519", parameters={"use": "sig", "alg": "EdDSA"})
    return json.dumps(key.as_dict(private=True, kid=key.thumbprint())).encode()


def _new_workload() -> bytes:
    return msgspec.json.encode(
        _WorkloadFile("DWKEY" + _random_text(_KEY_ID_CHARACTERS, 16), _random_text(_SECRET_CHARACTERS, 40))
    )


def _random_text(characters: str, length: int) -> str:
    return "".join(secrets.choice(characters) for _ in range(length))
