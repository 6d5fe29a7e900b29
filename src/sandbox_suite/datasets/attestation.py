"""The gate's signed word that a manifest passed: Ed25519 over canonical JSON, with an end.

Without it, or after its end, a dataset version is blocked.
"""

import base64
import binascii
import datetime
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox_suite.core.clock import iso
from sandbox_suite.core.errors import BlockedError
from sandbox_suite.core.files import canonical

KEY = "secret://sandbox/gate-signing"
VALID = datetime.timedelta(days=90)  # a gate gets better; an old word is asked for again
SCHEMA = 1


class NotAttestedError(BlockedError):
    """A version's attestation is missing, forged, expired, or for other content."""


def signing_key(home: Path) -> bytes:
    """Return the gate's private key (PEM), made on first use."""
    from sandbox_suite.secrets import references

    return references.ensure(KEY, home, new_key)


def new_key() -> bytes:
    """Return a new private key as PEM."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def sign(body: Mapping[str, Any], private: bytes) -> dict[str, Any]:
    """Return the attestation document: the body, the key's id and the signature over the body."""
    key = _private(private)
    return {
        "body": dict(body),
        "key_id": _key_id(key.public_key().public_bytes_raw()),
        "signature": base64.b64encode(key.sign(canonical(body))).decode(),
    }


def verify(document: Any, private: bytes, manifest_digest: str, now: datetime.datetime) -> dict[str, Any]:
    """Return the body of a good attestation of `manifest_digest`; else NotAttestedError says what is wrong."""
    from cryptography.exceptions import InvalidSignature

    try:
        body = dict(document["body"])
        signature = base64.b64decode(document["signature"], validate=True)
        _private(private).public_key().verify(signature, canonical(body))
        _same(body, manifest_digest, now)
    except InvalidSignature:
        raise _refused("its signature is not the gate's") from None
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        raise _refused("it is missing or garbled") from None
    return body


def _same(body: Mapping[str, Any], manifest_digest: str, now: datetime.datetime) -> None:
    if body["schema"] != SCHEMA:
        raise _refused(f"it has schema {body['schema']!r}, not {SCHEMA}")
    if body["manifest"] != manifest_digest:
        raise _refused("it is for another manifest")
    if datetime.datetime.fromisoformat(body["expires_at"]) <= now:
        raise _refused(f"it expired at {body['expires_at']}")
    if body["findings"] != 0 or not body["checks"]:
        raise _refused("it does not say that every check passed")


def expiry(now: datetime.datetime, exceptions_until: list[datetime.date]) -> str:
    """Return when an attestation made now ends: after 90 days, or with the first exception of the policy that ends."""
    ends = [datetime.datetime.combine(day, datetime.time.max, datetime.UTC) for day in exceptions_until]
    return iso(min([now + VALID, *ends]))


def _refused(why: str) -> NotAttestedError:
    return NotAttestedError(
        f"the dataset's attestation does not hold: {why}",
        remedy="prepare the dataset again (`invoke dataset.check --name NAME@VERSION` shows what the gate says)",
    )


def _private(pem: bytes) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise _refused("the gate's key is not an Ed25519 key")
    return key


def _key_id(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]
