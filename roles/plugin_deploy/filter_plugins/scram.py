"""Filter `scram_verifier`: what PostgreSQL keeps of a password, made here so that the password never reaches it."""

from __future__ import annotations

import base64
import hashlib
import hmac

ITERATIONS = 4096  # PostgreSQL's own


def scram_verifier(password: str, salt: str) -> str:
    """Return the SCRAM-SHA-256 verifier of a password (RFC 5802). The same `salt` text gives the same verifier."""
    grain = hashlib.sha256(salt.encode()).digest()[:16]
    salted = hashlib.pbkdf2_hmac("sha256", str(password).encode(), grain, ITERATIONS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    server = hmac.digest(salted, b"Server Key", "sha256")
    stored = hashlib.sha256(client).digest()
    shown = [base64.b64encode(part).decode() for part in (grain, stored, server)]
    return f"SCRAM-SHA-256${ITERATIONS}:{shown[0]}${shown[1]}:{shown[2]}"


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"scram_verifier": scram_verifier}
