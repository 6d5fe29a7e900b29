"""What can be told of a case beside its result: its place in its suite, the plugin's own lines about its requests."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from sandbox_suite.regression.results import Case
from sandbox_suite.reports.facts import Place, SuiteRun

SLACK = 1.1  # how much longer than the suite its cases may have taken, and still have run one after the other
LOG_BYTES = 8 << 20  # of each of the plugin's logs, from its end
LINES, LINE = 20, 500  # for each case, and characters of each
IDENTIFIER = re.compile(r"(?im)^(?:x-request-id|x-correlation-id|request-id|traceparent)\s*:\s*([\w.-]{8,100})\s*$")
WORD = re.compile(r"[A-Za-z0-9._-]{8,100}")


def places(cases: Sequence[Case], suites: Sequence[SuiteRun]) -> dict[str, Place]:
    """Return where each case stands, by its id; the cases come suite by suite, in the order in which they were told."""
    seconds = {suite.name: suite.seconds for suite in suites}
    found: dict[str, Place] = {}
    for name, group in groupby(cases, key=lambda case: case.suite):
        own = [case for case in group if not case.of_suite]
        within = seconds.get(name)
        in_turn = within is not None and sum(case.seconds for case in own) <= within * SLACK
        begins = 0.0
        for number, case in enumerate(own, 1):
            found[case.id] = Place(number, len(own), round(begins, 6) if in_turn else None)
            begins += case.seconds
    return found


def plugin_logs(cases: Sequence[Case], folder: Path) -> Mapping[str, Sequence[str]]:
    """Return the lines of the logs in `folder` that name a request of a case that did not pass, by the case's id.

    A request is known by what `X-Request-Id`, `X-Correlation-Id` or `traceparent` said in the request or the response.
    """
    wanted = {identifier: case.id for case in cases if _told_more(case) for identifier in _identifiers(case)}
    found: defaultdict[str, list[str]] = defaultdict(list)
    if wanted:
        for line in _lines(folder):
            for case in {wanted[word] for word in WORD.findall(line) if word in wanted}:
                if len(found[case]) < LINES:
                    found[case].append(line[:LINE])
    return found


def _told_more(case: Case) -> bool:
    return case.flaky or case.outcome in ("failed", "error")


def _identifiers(case: Case) -> Iterator[str]:
    for text in (case.request, case.response):
        for identifier in IDENTIFIER.findall(text):
            yield identifier
            if identifier.count("-") == 3 and len(identifier) == 55:  # of traceparent, logs hold the trace's id alone
                yield identifier.split("-")[1]


def _lines(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.log")):
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_BYTES))
            for line in file.read(LOG_BYTES).split(b"\n"):
                yield line.decode(errors="replace")
