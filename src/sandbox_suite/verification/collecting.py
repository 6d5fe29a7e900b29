"""The pytest plugin that turns what the checks did into our own values; it translates, nothing more."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox_suite.core.settings import Settings
from sandbox_suite.verification.model import Check, Outcome

MAX_MESSAGE = 2000


class Collector:
    """Collects one Check per test. The conftest of the checks reads `folder` and `settings` from here."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder, self.settings = folder, settings
        self.checks: list[Check] = []
        self._named: dict[str, tuple[str, str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note each test's name and row."""
        for item in items:
            marker = item.get_closest_marker("row")
            self._named[item.nodeid] = (_name(item), marker.args[0] if marker else "")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be collected is a check that could not be made."""
        if report.failed:
            self.checks.append(Check(report.nodeid or "collection", "", "error", 0.0, str(report.longrepr)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a test's outcome: of its call, or of its set-up or teardown where that went wrong."""
        if report.when == "call" or report.outcome != "passed":
            name, row = self._named[report.nodeid]
            self.checks.append(Check(name, row, _outcome(report), report.duration, _message(report)))

    def redacted(self, redact: Callable[[str], str]) -> list[Check]:
        """Return the checks with redacted messages."""
        return [replace(check, message=redact(check.message)[:MAX_MESSAGE]) for check in self.checks]


def _name(item: pytest.Item) -> str:
    """Return the first line of a test's docstring, with the part or table it is about."""
    said = (getattr(getattr(item, "function", None), "__doc__", "") or item.name).strip().splitlines()[0].rstrip(".")
    call = getattr(item, "callspec", None)
    return f"{call.id}: {said}" if call else said


def _outcome(report: pytest.TestReport) -> Outcome:
    if report.when != "call" and report.failed:
        return "error"
    return report.outcome


def _message(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):  # of a skip: file, line, reason
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr or "")
