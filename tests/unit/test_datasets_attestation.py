"""An attestation holds for one manifest, for a time, under the gate's key; nothing else does."""

import copy
import datetime
from collections.abc import Callable
from typing import Any

import pytest

from sandbox_suite.core.errors import BlockedError
from sandbox_suite.datasets import attestation
from sandbox_suite.datasets.attestation import NotAttestedError

NOW = datetime.datetime(2025, 6, 1, tzinfo=datetime.UTC)
KEY = attestation.new_key()
MANIFEST = "sha256:" + "a" * 64


def body(**changed: Any) -> dict[str, Any]:
    plain = {"schema": 1, "manifest": MANIFEST, "findings": 0, "checks": [{"name": "files"}], "at": "2025-06-01"}
    return {**plain, "expires_at": attestation.expiry(NOW, []), **changed}


def test_a_signed_body_comes_back() -> None:
    assert attestation.verify(attestation.sign(body(), KEY), KEY, MANIFEST, NOW) == body()


def test_not_attested_is_a_block() -> None:
    assert issubclass(NotAttestedError, BlockedError)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"manifest": "sha256:" + "b" * 64}, "another manifest"),
        ({"expires_at": "2025-05-31T00:00:00Z"}, "expired"),
        ({"findings": 1}, "every check passed"),
        ({"checks": []}, "every check passed"),
        ({"schema": 2}, "schema"),
    ],
)
def test_a_body_that_does_not_fit_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(NotAttestedError, match=said):
        attestation.verify(attestation.sign(body(**changed), KEY), KEY, MANIFEST, NOW)


def test_the_signature_of_another_key_is_refused() -> None:
    with pytest.raises(NotAttestedError, match="signature"):
        attestation.verify(attestation.sign(body(), attestation.new_key()), KEY, MANIFEST, NOW)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: None,
        lambda document: {},
        lambda document: {**document, "signature": "?"},
        lambda document: {**document, "signature": document["signature"][:-8]},
        lambda document: {**document, "signature": 7},
        lambda document: {**document, "body": []},
        lambda document: {**document, "body": {**document["body"], "rows": 5}},
        lambda document: {"body": document["body"]},
    ],
)
def test_a_garbled_document_is_refused(spoil: Callable[[dict[str, Any]], Any]) -> None:
    document = spoil(copy.deepcopy(attestation.sign(body(), KEY)))
    with pytest.raises(NotAttestedError):
        attestation.verify(document, KEY, MANIFEST, NOW)


def test_it_ends_with_the_first_exception_that_ends() -> None:
    days = [datetime.date(2025, 6, 20), datetime.date(2025, 6, 10)]
    assert attestation.expiry(NOW, days).startswith("2025-06-10T23:59:59")
    assert attestation.expiry(NOW, []) > attestation.expiry(NOW, days)
