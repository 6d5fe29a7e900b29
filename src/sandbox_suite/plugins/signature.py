"""Ed25519 signatures over a packed manifest (S-11), and who is trusted to make them."""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import canonical
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.secrets import references

NAME = "manifest.sig"
KEY = "secret://sandbox/plugin-signing"
TRUSTED = CHECKOUT / "config" / "plugins" / "trusted-keys"
# What is signed begins with this, so that no signature made for another purpose fits.
PURPOSE = b"powerx plugin manifest, version 1\n"


@dataclass(frozen=True)
class Signer:
    """A public key that packages are trusted from. `fingerprint` is 16 hex digits of the key's SHA-256."""

    fingerprint: str
    label: str  # `this installation`, or the name of the key's file
    key: bytes  # 32 bytes

    def __str__(self) -> str:
        return f"{self.label} ({self.fingerprint})"


Trusted = Mapping[str, Signer]  # fingerprint -> signer


def fingerprint(public_key: bytes) -> str:
    """Return the short name of a public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def signing_key(home: Path) -> bytes:
    """Return the installation's private key (32 bytes), made on first use."""
    return references.ensure(KEY, home, _new_key)


def public_key(private_key: bytes) -> bytes:
    """Return the public key (32 bytes) that belongs to a private one."""
    return _private(private_key).public_key().public_bytes_raw()  # type: ignore[no-any-return]


def sign(manifest: bytes, private_key: bytes) -> bytes:
    """Return the content of `manifest.sig` for a packed manifest."""
    mark = fingerprint(public_key(private_key))
    signature = base64.b64encode(_private(private_key).sign(PURPOSE + manifest)).decode()
    return canonical({"algorithm": "ed25519", "signature": signature, "signer": mark}) + b"\n"


def verify(manifest: bytes, signature: bytes, trusted: Trusted) -> Signer:
    """Return who signed `manifest`; RequestError where the signature is malformed, wrong or of an unknown signer."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    mark, value = _read(signature)
    signer = trusted.get(mark)
    if signer is None:
        raise _refused(
            f"{NAME}: the signer {mark} is not trusted",
            "put the author's public key into config/plugins/trusted-keys/; "
            f"trusted now: {', '.join(signer.label for signer in trusted.values()) or 'nobody'}",
        )
    try:
        Ed25519PublicKey.from_public_bytes(signer.key).verify(value, PURPOSE + manifest)
    except InvalidSignature:
        raise _refused(
            f"{NAME}: the signature of {signer.label} ({mark}) does not fit the manifest",
            "fetch the package again, or have its author pack it again",
        ) from None
    return signer


def signer_of(signature: bytes) -> str:
    """Return the fingerprint that a manifest.sig names; whether it may is `verify`'s matter."""
    return _read(signature)[0]


def trusted(home: Path, folder: Path = TRUSTED) -> Trusted:
    """Return who is trusted: the keys in `folder` (`*.pub`, PEM), and this installation where it has a key."""
    own = _own(home)
    signers = [*(_from_pem(path) for path in sorted(folder.glob("*.pub"))), *([own] if own else [])]
    return {signer.fingerprint: signer for signer in signers}


def trusting(public_keys: Iterable[tuple[str, bytes]]) -> Trusted:
    """Return the trust in these (label, public key)."""
    return {fingerprint(key): Signer(fingerprint(key), label, key) for label, key in public_keys}


def public_pem(public: bytes) -> str:
    """Return a public key as `config/plugins/trusted-keys/*.pub` holds it."""
    # The twelve bytes before an Ed25519 key in its standard wrapping are always these (RFC 8410).
    body = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + public).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"


def _own(home: Path) -> Signer | None:
    try:
        key = public_key(references.resolve(KEY, home))
    except RequestError:
        return None  # nothing was packed here yet
    return Signer(fingerprint(key), "this installation", key)


def _from_pem(path: Path) -> Signer:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RequestError(f"{path}: no public key: {error}", remedy="write it as PEM, or remove the file") from error
    if not isinstance(key, Ed25519PublicKey):
        raise RequestError(f"{path}: no Ed25519 key", remedy="plugins are signed with Ed25519 keys; remove the file")
    raw = key.public_bytes_raw()
    return Signer(fingerprint(raw), path.stem, raw)


def _read(signature: bytes) -> tuple[str, bytes]:
    """Return (signer, signature) out of a manifest.sig."""
    try:
        content = json.loads(signature)
        if content["algorithm"] != "ed25519":
            raise _refused(f"{NAME}: unknown algorithm", "only ed25519 is understood")
        return str(content["signer"]), base64.b64decode(content["signature"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise _refused(f"{NAME}: cannot be read", "have the author pack the plugin again") from error


def _refused(what: str, remedy: str) -> RequestError:
    return RequestError(what, left="the plugin was not installed", remedy=remedy)


def _new_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate().private_bytes_raw()


def _private(key: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        return Ed25519PrivateKey.from_private_bytes(key)
    except ValueError as error:
        raise RequestError(
            f"secret `{KEY}` is no Ed25519 key of 32 bytes", remedy="remove it: a new one is made"
        ) from error
