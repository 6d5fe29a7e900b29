"""A small test runner: cases are functions, each is timed, each leaves one line of results.

The script contract is docs/guides/suites.md. Standard library only, so that it runs in the bare runner image.
"""

import http.client
import json
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlencode, urlsplit

KEPT = 1500  # characters of a request or response that a report shows
EVERYTHING = "customers:read,orders:read,follow-ups:read,follow-ups:write"
CASES: list[tuple[str, tuple[str, ...], Callable[["Desk"], None]]] = []


def case(name: str, *tags: str) -> Callable[[Callable[["Desk"], None]], Callable[["Desk"], None]]:
    """Register a case under `name`."""

    def register(check: Callable[["Desk"], None]) -> Callable[["Desk"], None]:
        CASES.append((name, tags, check))
        return check

    return register


@dataclass(frozen=True)
class Answer:
    """What the service answered."""

    status: int
    headers: dict[str, str]
    body: Any  # parsed JSON; None where there is none

    @property
    def error(self) -> dict[str, Any]:
        """Return the `error` object of a refusal."""
        return dict(self.body["error"])


@dataclass
class Desk:
    """A client of the customer desk over one kept connection; it remembers the last exchange for the report."""

    base_url: str
    request: str = ""
    response: str = ""
    known: dict[str, Any] = field(default_factory=dict)  # what several cases ask only once

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(self.base_url).netloc, timeout=10)

    def call(self, method: str, path: str, body: Any = None, tenant: str | None = "acme",
             permissions: str | None = EVERYTHING, **query: Any) -> Answer:  # fmt: skip
        """Send one request and return its answer."""
        target = path + ("?" + urlencode(query) if query else "")
        headers = {"X-PowerX-Tenant": tenant, "X-PowerX-Permissions": permissions}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        sent = {name: value for name, value in headers.items() if value is not None}
        self.request, self.response = _shown(f"{method} {target}", sent, data), ""
        try:
            self._connection.request(method, target, data, sent)
            received = self._connection.getresponse()
            content = received.read()
        except BaseException:
            self._connection.close()
            raise
        answer_headers = {name.lower(): value for name, value in received.getheaders()}
        self.response = _shown(f"{received.status} {received.reason}", answer_headers, content)
        return Answer(received.status, answer_headers, json.loads(content) if content else None)

    def get(self, path: str, expect: int = 200, **options: Any) -> Answer:
        """GET below the base path, and check the status."""
        answer = self.call("GET", "/api/v1" + path, **options)
        equal(answer.status, expect, "status")
        return answer

    def once(self, name: str, ask: Callable[[], Any]) -> Any:
        """Return what `ask` answered the first time."""
        if name not in self.known:
            self.known[name] = ask()
        return self.known[name]


def equal(found: object, expected: object, what: str) -> None:
    """Fail with both values unless they are equal."""
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")


def true(holds: object, what: str) -> None:
    """Fail with `what` unless it holds."""
    if not holds:
        raise AssertionError(what)


def run_all() -> int:
    """Run every case, append its result to $SANDBOX_RESULTS, and return the exit code: 0 all passed, 1 not."""
    desk = Desk(os.environ["SANDBOX_BASE_URL"])
    suite = os.environ.get("SANDBOX_SUITE", "http-python")
    ends = time.monotonic() + float(os.environ.get("SANDBOX_DEADLINE_SECONDS", "60"))
    with Path(os.environ["SANDBOX_RESULTS"]).open("a", encoding="utf-8") as results:
        outcomes = [_run(desk, suite, ends, item, results) for item in CASES]
    return 0 if {"failed", "error"}.isdisjoint(outcomes) else 1


def _run(desk: Desk, suite: str, ends: float, item: Any, results: TextIO) -> str:
    name, tags, check = item
    desk.request = desk.response = ""
    started = time.monotonic()
    outcome, message = ("skipped", "the deadline had passed") if started > ends else _try(check, desk)
    line = {
        "case": name,
        "suite": suite,
        "outcome": outcome,
        "seconds": round(time.monotonic() - started, 6),
        "attempt": 1,
        "message": message,
        "request": desk.request,
        "response": desk.response,
        "tags": tags,
    }
    results.write(json.dumps(line, ensure_ascii=False) + "\n")
    results.flush()  # what ran is kept, should the suite be ended
    return outcome


def _try(check: Callable[[Desk], None], desk: Desk) -> tuple[str, str]:
    try:
        check(desk)
    except AssertionError as failure:
        return "failed", str(failure)
    except Exception:
        return "error", traceback.format_exc(limit=-3)
    return "passed", ""


def _shown(first: str, headers: dict[str, str], content: bytes | None) -> str:
    lines = [first, *(f"{name}: {value}" for name, value in headers.items())]
    text = "\n".join(lines) + ("\n\n" + content.decode(errors="replace") if content else "")
    return text if len(text) <= KEPT else text[:KEPT] + " …"
