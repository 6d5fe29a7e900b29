"""Settings and places: `config/settings.yaml`, then the environment. Cheap to import: every task does."""

import functools
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

from sandbox_suite.core.errors import RequestError

CHECKOUT = Path(__file__).resolve().parents[3]
APP = "sandbox-suite"
ENV = {  # setting -> environment variable that wins over the file
    "home": "SANDBOX_HOME",
    "cache": "SANDBOX_CACHE",
    "setup": "SANDBOX_SETUP",
    "provider": "SANDBOX_PROVIDER",
    "tenant": "SANDBOX_TENANT",
    "config": "SANDBOX_CONFIG",
    "actor": "SANDBOX_ACTOR",
    "capacity": "SANDBOX_CAPACITY",
    "idle_seconds": "SANDBOX_IDLE_SECONDS",
    "lease_seconds": "SANDBOX_LEASE_SECONDS",
    "runner_packages": "SANDBOX_RUNNER_PACKAGES",
    "database": "SANDBOX_DATABASE",
}
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+)?")


@dataclass(frozen=True)
class Settings:
    """What an operator can set. Paths are absolute; seconds are seconds."""

    home: Path  # state: jobs, datasets, keys, logs
    cache: Path  # what can be made again: Pulumi's engine, build contexts
    runtime: Path  # tmpfs: sockets and secrets, 0700; gone after a reboot
    config: Path  # access.yaml, sandbox/, plugins/, masking/
    setup: Literal["auto", "never"] = "auto"  # never: only report what is missing
    provider: Literal["embedded", "official"] = "embedded"  # of docker:* resources
    tenant: str = "default"
    actor: str = ""  # who asks; empty: the login name
    subnets: str = "10.213.0.0/16"  # range that sandbox networks are cut from
    subnet_prefix: int = 28
    lease_seconds: int = 3600
    registry: str = ""  # asked for our images before they are built; empty: none
    capacity: int = 2  # jobs at work at once on this machine
    idle_seconds: float = 300  # a worker with nothing to do ends after this
    runner_packages: str = ""  # more Debian packages in the runner's image, separated by blanks
    database: str = ""  # of the jobs: a PostgreSQL URL (docs/guides/many-machines.md); empty: SQLite in the home

    def job(self, job: str) -> Path:
        """Return the folder of a job; docs/architecture.md lists what it holds."""
        return self.home / "jobs" / job

    def job_runtime(self, job: str) -> Path:
        """Return the tmpfs folder of a job: secrets, runner's private data."""
        return self.runtime / "jobs" / job


@functools.cache
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return load(CHECKOUT / "config" / "settings.yaml", dict(os.environ))


def load(file: Path, environment: dict[str, str]) -> Settings:
    """Return settings from a file and an environment; unknown keys and bad values are named, all at once."""
    values = _defaults(environment) | _from_file(file)
    values |= {key: environment[name] for key, name in ENV.items() if environment.get(name)}
    mistakes = [f"unknown setting `{key}`" for key in values.keys() - {field.name for field in fields(Settings)}]
    for key, allowed in (("setup", ("auto", "never")), ("provider", ("embedded", "official"))):
        if values.get(key, allowed[0]) not in allowed:
            mistakes.append(f"`{key}` is {values[key]!r}: one of {', '.join(allowed)} is possible")
    mistakes += [
        f"`runner_packages` names {word!r}: no Debian package is called so"
        for word in str(values.get("runner_packages", "")).split()
        if not PACKAGE.fullmatch(word)
    ]
    if mistakes:
        raise RequestError(
            "\n".join(mistakes), remedy=f"correct {file.name} or the environment ({', '.join(ENV.values())})"
        )
    for key in ("home", "cache", "runtime", "config"):
        values[key] = Path(values[key]).expanduser().absolute()
    numbers = {"subnet_prefix": int, "lease_seconds": int, "capacity": int, "idle_seconds": float}
    for key in numbers.keys() & values.keys():
        values[key] = numbers[key](values[key])
    return Settings(**values)


def _from_file(file: Path) -> dict[str, Any]:
    import yaml

    return cast(dict[str, Any], yaml.safe_load(file.read_text()) or {}) if file.exists() else {}


def _defaults(environment: dict[str, str]) -> dict[str, Any]:
    import hashlib

    import platformdirs

    home = Path(environment.get("SANDBOX_HOME") or platformdirs.user_state_path(APP)).absolute()
    shared = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else platformdirs.user_runtime_path()  # noqa: S108
    # Short, and one per home: a unix socket's path holds 107 bytes, and two homes must not share sockets.
    mark = hashlib.sha256(str(home).encode()).hexdigest()[:10]
    return {
        "home": home,
        "cache": platformdirs.user_cache_path(APP),
        "config": CHECKOUT / "config",
        "runtime": shared / f"sandbox-{os.getuid()}-{mark}",
    }
