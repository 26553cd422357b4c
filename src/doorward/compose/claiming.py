"""The operator's key for claims: made once, kept with mode 0600."""

import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from doorward.compose.house import Places
from doorward.compose.settings import Loaded
from doorward.errors import ConfigurationError
from doorward.identity.private_files import create, load
from doorward.probe.ownership import WELL_KNOWN, claim_text

_NAME = "probe-claim.pem"


def key_place(loaded: Loaded, given: Path | None) -> Path:
    """Where the key is: the file that was given, else one in the data folder."""
    return given or Places(loaded.settings).root / _NAME


def claim(host: str, place: Path) -> tuple[str, str]:
    """The claim of a host as text, made with the key of `place` (a new one when there is none), and where to put it."""
    return claim_text(host, operator_key(place) or _made(place), now=time.time()), f"{host}{WELL_KNOWN}"


def operator_key(place: Path) -> Ed25519PrivateKey | None:
    """The key, or None while there is none. `ConfigurationError` for a file that others may read or of another kind."""
    content = load(place)
    if content is None:
        return None
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"{place} does not hold an Ed25519 key.", code="claim_invalid")
    return key


def _made(place: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    if not create(place, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())):
        return operator_key(place) or key
    return key
