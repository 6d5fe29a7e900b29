"""The validation report as one page: it needs nothing beside it, and all that it shows is escaped."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox_suite.core.settings import CHECKOUT

if TYPE_CHECKING:
    import jinja2

TEMPLATES = CHECKOUT / "templates"
PAGE = "validation.html.j2"


def html(report: Mapping[str, Any]) -> str:
    """Return the page made of what validation.json holds."""
    longest = max([check["seconds"] or 0 for check in report["checks"]], default=0)
    return _environment().get_template(PAGE).render(report=report, longest=longest or 1)


@functools.cache
def _environment() -> "jinja2.Environment":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # names of columns and reasons are other people's words
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seconds": _seconds, "number": _number}
    return environment


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f} s" if value < 10 else f"{value:.1f} s"


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\u202f")  # a narrow space, which no language reads as a decimal sign
