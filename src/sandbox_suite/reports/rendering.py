"""Rendering a report: report.json, junit.xml and report.html in one folder, redacted once for all three."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.files import write_atomic, write_json
from sandbox_suite.core.redaction import Redactor
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.regression.reading import showable
from sandbox_suite.reports import charts, junit
from sandbox_suite.reports.model import Report

if TYPE_CHECKING:
    import jinja2

TEMPLATES = CHECKOUT / "templates"
PAGE = "report.html.j2"


def render(report: Report, folder: Path, redact: Callable[[str], str] | None = None) -> dict[str, Path]:
    """Write the report into `folder` and return its files: `json`, `junit`, `html`."""
    content = redacted(report.as_dict(), redact or Redactor())
    paths = {"json": folder / "report.json", "junit": folder / "junit.xml", "html": folder / "report.html"}
    write_json(paths["json"], content)
    write_atomic(paths["junit"], junit.xml(content))
    write_atomic(paths["html"], html(content).encode())
    return paths


def html(content: dict[str, Any]) -> str:
    """Return the page made of what report.json holds."""
    return _environment().get_template(PAGE).render(
        report=content,
        timeline=charts.timeline(content["steps"]),
        latency=charts.latency(content["cases"], _percentiles(content)),
    )  # fmt: skip


def redacted(value: Any, redact: Callable[[str], str]) -> Any:
    """Return `value` with every text in it redacted, and free of characters that XML or a reader cannot bear."""
    if isinstance(value, str):
        return showable(redact(value))
    if isinstance(value, dict):
        return {redact(str(key)): redacted(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item, redact) for item in value]
    return value


def _percentiles(content: dict[str, Any]) -> dict[str, float | None]:
    return {name: value for name, value in content["latency"].items() if name in ("p50_ms", "p95_ms", "p99_ms")}


@functools.cache
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # whatever the template is called: all that scripts said is hostile
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "ms": _milliseconds, "seconds": _seconds, "shown": _shown}
    return environment


def _percent(share: float | None) -> str:
    # Cut, not rounded: 0.9996 must not look like all of it.
    return "–" if share is None else f"{int(share * 1000 + 1e-9) / 10:g} %"


def _milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"


def _shown(value: Any) -> str:
    """Show a value of the inventory."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    return {None: "–", True: "yes", False: "no"}[value] if value is None or isinstance(value, bool) else str(value)
