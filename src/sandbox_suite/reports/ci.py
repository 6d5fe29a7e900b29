"""A report as the page of a CI job shows it: annotations as workflow commands, for GitHub Actions. Pure.

report.json is redacted already. Texts of scripts cannot become commands of their own: line ends are escaped, and a
command is known by the beginning of its line.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sandbox_suite.reports.page import worst_first
from sandbox_suite.reports.wording import VERDICTS, counted

MOST = 10  # annotations of a kind that GitHub shows of one step; further ones vanish
LONGEST = 1_000  # characters of a message
SUMMARY_BYTES = 1_000_000  # of a step's summary; over 1 MiB GitHub shows nothing of it
CUT = "\n\nThe summary is cut: the whole report is among the artifacts.\n"


def annotations(content: Mapping[str, Any]) -> list[str]:
    """Return the commands that annotate a run: why it did not pass, what failed, what is flaky or slower."""
    errors, warnings = list(_errors(content)), list(_warnings(content))
    return [*_at_most(errors, "error"), *_at_most(warnings, "warning"), _notice(content)]


def failure(error: Mapping[str, str]) -> str:
    """Return the command that tells an error: a refused request, a blocked dataset, broken infrastructure."""
    hint = f"\nhint: {error['remedy']}" if error.get("remedy") else ""
    return command("error", "Sandbox", f"{error['what']}{hint}")


def command(kind: str, title: str, message: str) -> str:
    """Return one workflow command; `kind` is `error`, `warning` or `notice`."""
    said = message if len(message) <= LONGEST else message[: LONGEST - 1] + "…"
    return f"::{kind} title={_property(title[:200])}::{_data(said)}"


def summary(markdown: bytes, room: int = SUMMARY_BYTES) -> bytes:
    """Return as much of summary.md as a step's summary takes, whole lines."""
    if len(markdown) <= room:
        return markdown
    kept = markdown[: room - len(CUT)]
    return kept[: kept.rfind(b"\n")] + CUT.encode()


def _errors(content: Mapping[str, Any]) -> Iterator[str]:
    if content["verdict"] != "passed":
        for reason in content["reasons"]:
            yield command("error", f"Sandbox: {content['verdict']}", reason)
    for case in worst_first(content["cases"]):
        if not case["flaky"]:
            yield command("error", f"{case['outcome']}: {case['id']}", case["message"] or case["outcome"])


def _warnings(content: Mapping[str, Any]) -> Iterator[str]:
    for case in worst_first(content["cases"]):
        if case["flaky"]:
            message = f"passed on attempt {case['attempts']}; before: {case['message'] or 'it failed'}"
            yield command("warning", f"flaky: {case['id']}", message)
    for reason in (content.get("performance") or {}).get("reasons", []):
        yield command("warning", "Performance, advice only", reason)


def _notice(content: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{number} {outcome}" for outcome, number in content["counts"].items() if number)
    plugin = content["plugin"]
    said = f"{plugin['id']} {plugin['version']}, plan {content['plan']['name']}: {counts or 'no case'}"
    return command("notice", f"Sandbox: {VERDICTS.get(content['verdict'], content['verdict'])}", said)


def _at_most(lines: Sequence[str], kind: str) -> list[str]:
    if len(lines) <= MOST:
        return list(lines)
    more = f"and {counted(len(lines) - MOST + 1, 'more', 'more')}, in the report"
    return [*lines[: MOST - 1], command(kind, "Sandbox", more)]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
