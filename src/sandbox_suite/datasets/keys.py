"""Keys of masking: one master, one key per domain. A domain is a kind of value, not a column, so that values join."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from sandbox_suite.core.errors import RequestError

SHORTEST = 16  # bytes of a master


@dataclass(frozen=True)
class Ff1Key:
    """What FF1 needs for one domain."""

    aes: bytes = field(repr=False)  # 16 bytes
    tweak: bytes = field(repr=False)  # 8 bytes: with them FF1's block Q is exactly one AES block


@dataclass(frozen=True)
class Keys:
    """The keys that follow from a master. Its text form shows none of them."""

    master: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.master) < SHORTEST:
            raise RequestError(f"the masking key has {len(self.master)} bytes: at least {SHORTEST} are needed")

    def text(self, domain: str) -> str:
        """Return the HMAC key of a domain: 64 hex digits, used as ASCII."""
        return self._derive(domain).hex()

    def ff1(self, domain: str) -> Ff1Key:
        """Return the FF1 key and tweak of a domain."""
        derived = self._derive(f"ff1-{domain}")
        return Ff1Key(derived[:16], derived[16:24])

    @property
    def fingerprint(self) -> str:
        """16 hex digits that tell two masters apart and tell nothing else."""
        return self._derive("fingerprint").hex()[:16]

    def _derive(self, domain: str) -> bytes:
        return hmac.digest(self.master, b"mask/v1/" + domain.encode(), "sha256")
