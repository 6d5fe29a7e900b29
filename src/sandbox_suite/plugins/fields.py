"""The forms that values of a manifest take. Each function returns the value or says what form is needed."""

import re
from pathlib import PurePosixPath
from typing import Any

from pydantic_core import PydanticCustomError

ID = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9_-]*){1,}")
ID_LENGTH = 128  # it becomes a folder name and, shortened, the name of a role and a schema
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


def reverse_dns(value: str) -> str:
    """`com.example.plugin`."""
    if not ID.fullmatch(value) or len(value) > ID_LENGTH:
        raise _wrong("plugin-id", "a name in reverse DNS form is needed, such as com.example.plugins.orders")
    return value


def semantic_version(value: Any) -> str:
    """`1.2.0`, `1.2.0-rc.1+build.5`."""
    import semver

    if not isinstance(value, str) or not semver.Version.is_valid(value):
        raise _wrong("semantic-version", f"a semantic version such as 1.2.0 is needed, not {value}")
    return value


def seconds(value: Any) -> float:
    """`10s`, `250ms`, `2m`, `1h`, or a number of seconds."""
    match = DURATION.fullmatch(str(value).strip())
    if isinstance(value, bool) or not match or float(match[1]) == 0:
        raise _wrong("duration", f"a duration above zero such as 10s, 250ms or 2m is needed, not {value}")
    return float(match[1]) * UNITS[match[2]]


def url_path(value: str) -> str:
    """`/healthz`."""
    if not re.fullmatch(r"/[\w./~%-]*", value, re.ASCII):
        raise _wrong("url-path", "a path that begins with / is needed, without query and host")
    return value


def inner_path(value: str) -> str:
    """A path inside the package."""
    path = PurePosixPath(value)
    if not value or path.is_absolute() or ".." in path.parts or "\\" in value or any(ord(sign) < 32 for sign in value):
        raise _wrong("inner-path", "a path inside the package is needed: relative, without `..`")
    return value


def entry(value: str) -> str:
    """A file of the package (`backend/bin/plugin`), or a command of the plugin image (`python3`)."""
    if value.startswith("/usr/bin/") and PurePosixPath(value).parent == PurePosixPath("/usr/bin"):
        return value
    return inner_path(value)


def environment(value: Any) -> dict[str, str]:
    """A mapping of variable names to text; numbers and booleans are spelled out."""
    if not isinstance(value, dict):
        raise _wrong("environment", "a mapping of names to values is needed")
    bad = sorted(str(name) for name in value if not isinstance(name, str) or not VARIABLE.fullmatch(name))
    nested = sorted(str(name) for name, item in value.items() if isinstance(item, dict | list))
    told = [f"{', '.join(bad)}: no variable name"] * bool(bad) + [f"{', '.join(nested)}: no text"] * bool(nested)
    if told:
        raise _wrong("environment", "; ".join(told))
    return {name: _spelled(item) for name, item in value.items()}


def arguments(value: Any) -> tuple[str, ...]:
    """A list of texts and numbers."""
    if not isinstance(value, list | tuple) or any(isinstance(item, dict | list) for item in value):
        raise _wrong("arguments", "a list of arguments is needed, one text each")
    return tuple(map(_spelled, value))


def sha256(value: str) -> str:
    """64 hexadecimal digits, or nothing yet."""
    if value and not re.fullmatch(r"(sha256:)?[0-9a-f]{64}", value):
        raise _wrong("sha256", "64 hexadecimal digits are needed; `plugin.pack` writes them")
    return value.removeprefix("sha256:")


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _wrong(kind: str, message: str) -> PydanticCustomError:
    # Braces would be taken for placeholders.
    return PydanticCustomError(kind, message.replace("{", "(").replace("}", ")"))
