"""What every test shares: a client of the plugin. The runner has pytest and the standard library."""

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest

TENANT = {"X-PowerX-Tenant": "acme", "X-PowerX-Permissions": "customers:read"}


@dataclass(frozen=True)
class Answer:
    """What the plugin answered. `body` is parsed JSON; None where there is none."""

    status: int
    headers: dict[str, str]
    body: Any


class Api:
    """Asks the plugin under test."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def get(self, path: str, headers: dict[str, str] = TENANT) -> Answer:
        """GET a path; a refusal is an answer, no answer is an error."""
        request = urllib.request.Request(self.base_url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return self._answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as refusal:
            return self._answer(refusal.code, refusal.headers, refusal.read())

    def _answer(self, status: int, headers: Any, content: bytes) -> Answer:
        named = {name.lower(): value for name, value in headers.items()}
        return Answer(status, named, json.loads(content) if content else None)


@pytest.fixture(scope="session")
def api() -> Api:
    """Return the client."""
    return Api(os.environ["SANDBOX_BASE_URL"])
