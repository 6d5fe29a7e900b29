"""Where the job database is: `postgresql://USER@HOST/NAME`, its password behind a secret reference."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from sandbox_suite.core.errors import RequestError

SCHEMES = ("postgresql", "postgres")
REMEDY = (
    "write postgresql://USER@HOST/NAME?password=secret://sandbox/jobs-database, or secret://sandbox/NAME for the whole"
)


@dataclass(frozen=True)
class Place:
    """A database: `url` to connect with (it may hold a password), `shown` to speak of it."""

    url: str
    shown: str


def resolve(setting: str, home: Path) -> Place:
    """Return the place that the setting names; RequestError where it is no URL, or holds a password itself."""
    from sandbox_suite.secrets import references  # imports more than who only asks for `variables` needs

    whole = bool(references.REFERENCE.fullmatch(setting))
    url = references.resolve(setting, home).decode(errors="replace").strip() if whole else setting
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.path.strip("/"):
        raise RequestError("the setting `database` is no URL of a PostgreSQL database", remedy=REMEDY)
    options = dict(parse_qsl(parts.query))
    shown = f"{parts.scheme}://{parts.hostname or options.get('host', 'localhost')}{parts.path}"
    password = options.get("password", "")
    if not whole and (parts.password or (password and not references.REFERENCE.fullmatch(password))):
        raise RequestError(f"the setting `database` ({shown}) holds a password itself", remedy=REMEDY)
    if password and not whole:
        options["password"] = references.resolve(password, home).decode(errors="replace").strip()
    return Place(f"postgresql://{parts.netloc}{parts.path}?{urlencode(options)}", shown)


def variables(setting: str) -> list[str]:
    """Return the environment variables that may name the files of the setting's secrets."""
    names = re.findall(r"secret://sandbox/([\w-]+)", setting)
    return ["SANDBOX_SECRET_" + name.upper().replace("-", "_") for name in names]
