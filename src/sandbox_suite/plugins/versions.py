"""Version constraints of dependencies: `com.example.base >=0.5.0 <1.0.0`."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError

from sandbox_suite.plugins import fields

TERM = re.compile(r"(>=|<=|==|!=|>|<|=|\^|~)?\s*v?(\d[0-9A-Za-z.+-]*)")


@dataclass(frozen=True)
class Constraint:
    """A plugin and the versions of it that are meant: every term must hold; no term means any version."""

    id: str
    terms: tuple[tuple[str, str], ...]  # (operator, version), operators of semver: >= <= == != > <

    def allows(self, version: str) -> bool:
        """Say whether `version` is meant."""
        import semver

        return all(semver.Version.parse(version).match(operator + bound) for operator, bound in self.terms)

    def __str__(self) -> str:
        return " ".join([self.id, *(operator + bound for operator, bound in self.terms)])


def parse(value: Any) -> Constraint:
    """Return the constraint written as `ID [TERM ...]` or `{id: ID, version: TERM ...}`; `^` and `~` are understood."""
    if isinstance(value, Constraint):
        return value
    text = " ".join(str(value.get(key, "")) for key in ("id", "version")) if isinstance(value, dict) else str(value)
    name, _, rest = text.strip().partition(" ")
    terms, rest = [], rest.replace(",", " ").strip()
    while rest and (match := TERM.match(rest)):
        terms += _plain(match[1] or "==", match[2])
        rest = rest[match.end() :].strip()
    if rest and rest != "*":
        raise PydanticCustomError("constraint", "a plugin and versions are needed, such as `com.example.base >=0.5.0`")
    return Constraint(fields.reverse_dns(name), tuple(terms))


def _plain(operator: str, bound: str) -> list[tuple[str, str]]:
    """Return a term in semver's operators: `^1.2.0` stays below 2.0.0 (`^0.2.0` below 0.3.0), `~1.2.0` below 1.3.0."""
    import semver

    numbers = bound.split("-")[0].split("+")[0]
    full = bound.replace(numbers, numbers + ".0" * (2 - numbers.count(".")), 1)
    version = semver.Version.parse(fields.semantic_version(full))
    if operator == "~" or (operator == "^" and version.major == 0):
        return [(">=", full), ("<", str(version.bump_minor()))]
    if operator == "^":
        return [(">=", full), ("<", str(version.bump_major()))]
    return [("==" if operator == "=" else operator, full)]
