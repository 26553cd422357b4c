"""The public keys of one issuer, each bound to the one algorithm it may verify.

Key sources build it from a JWK Set (RFC 7517); the token verifier asks it for a key. Keys that are too small, of
another kind, meant for another use or ambiguous are left out: a token that names one finds no key.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from joserfc import jwk
from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

log = structlog.get_logger()

MAX_KEYS = 256
RSA_BITS = range(2048, 8193)

# RFC 9864 renames EdDSA with this curve to Ed25519; issuers write either.
_SAME_ALGORITHM = {"Ed25519": "EdDSA"}
_ALGORITHMS = {
    "RS256": JWSRegistry.algorithms["RS256"],
    "ES256": JWSRegistry.algorithms["ES256"],
    "EdDSA": JWSRegistry.algorithms["Ed25519"],
}
# (kty, crv) -> the algorithm, and the public members that are read; private ones never get into this process.
_KINDS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("RSA", ""): ("RS256", ("n", "e")),
    ("EC", "P-256"): ("ES256", ("crv", "x", "y")),
    ("OKP", "Ed25519"): ("EdDSA", ("crv", "x")),
}

SUPPORTED_ALGORITHMS = frozenset(_ALGORITHMS)


def algorithm_name(name: str) -> str:
    """The name we use for an algorithm: ``Ed25519`` (RFC 9864) is ``EdDSA``."""
    return _SAME_ALGORITHM.get(name, name)


class KeySet:
    """An immutable set of public keys. `digest` changes when, and only when, a key comes or goes."""

    __slots__ = ("_by_id", "_single", "digest")

    def __init__(self, keys: Iterable[Mapping[str, Any]]) -> None:
        """`keys` are JWKs. Those that do not fit are left out with a log line, not an error: the issuer may publish
        keys for other purposes in the same document."""
        self._by_id: dict[tuple[str | None, str], Key] = {}
        ambiguous: set[tuple[str | None, str]] = set()
        for place, document in enumerate(keys):
            found = _import(document)
            if found is None:
                log.debug("issuer_key_left_out", place=place)
                continue
            if found[0] in self._by_id and self._by_id[found[0]].thumbprint() != found[1].thumbprint():
                ambiguous.add(found[0])
            self._by_id[found[0]] = found[1]
        for name in ambiguous:
            log.warning("issuer_keys_share_an_id", key_id=name[0], algorithm=name[1])
            del self._by_id[name]
        self._single = _single(self._by_id)
        self.digest = _digest(self._by_id)

    def find(self, key_id: str | None, algorithm: str) -> Key | None:
        """The key with this id for this algorithm. Without an id: the key, if exactly one fits the algorithm.

        INVARIANT: the kind of key decides the algorithm, never the token (RFC 8725 3.1).
        """
        if key_id is None:
            return self._single.get(algorithm)
        return self._by_id.get((key_id, algorithm))

    def __len__(self) -> int:
        return len(self._by_id)


def parse_key_set(document: object) -> KeySet:
    """Build a key set from a decoded JWK Set. Raises ValueError when it is none; an empty one is a set without keys."""
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise ValueError("not a JWK Set, or one with too many keys")
    return KeySet(key for key in keys if isinstance(key, dict))


def signature_holds(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Whether `signature` is the key's over `signing_input`. `key` came from `KeySet.find` for this algorithm."""
    try:
        return _ALGORITHMS[algorithm].verify(signing_input, signature, key)
    except (JoseError, ValueError):
        return False


def _import(document: Mapping[str, Any]) -> tuple[tuple[str | None, str], Key] | None:
    kind = _KINDS.get((str(document.get("kty")), str(document.get("crv", ""))))
    if kind is None or not _meant_to_verify(document, kind[0]):
        return None
    members = {name: document.get(name) for name in ("kty", *kind[1])}
    key_id = document.get("kid")
    if not all(isinstance(value, str) for value in members.values()) or not isinstance(key_id, str | None):
        return None
    try:
        if kind[0] == "RS256" and _bits(str(members["n"])) not in RSA_BITS:
            return None
        return (key_id, kind[0]), jwk.import_key(members)  # type: ignore[arg-type]
    except (JoseError, ValueError, TypeError):
        return None


def _meant_to_verify(document: Mapping[str, Any], algorithm: str) -> bool:
    operations = document.get("key_ops", ["verify"])
    return (
        document.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and algorithm_name(str(document.get("alg", algorithm))) == algorithm
    )


def _bits(modulus: str) -> int:
    return int.from_bytes(urlsafe_b64decode(modulus.encode("ascii"))).bit_length()


def _single(keys: Mapping[tuple[str | None, str], Key]) -> dict[str, Key]:
    by_algorithm: dict[str, list[Key]] = {}
    for (_, algorithm), key in keys.items():
        by_algorithm.setdefault(algorithm, []).append(key)
    return {algorithm: fitting[0] for algorithm, fitting in by_algorithm.items() if len(fitting) == 1}


def _digest(keys: Mapping[tuple[str | None, str], Key]) -> bytes:
    names = sorted(f"{key_id}\0{algorithm}\0{key.thumbprint()}" for (key_id, algorithm), key in keys.items())
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogatepass")).digest()
