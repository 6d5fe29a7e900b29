"""A stack's folder, laid out by hand: what the CLI would need four runs for.

<job>/stack/state/   the backend: meta.yaml, checkpoint, lock, history
<job>/stack/ws/      Pulumi.yaml, Pulumi.<stack>.yaml: work here by hand
<job>/stack/home/    PULUMI_HOME
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.files import write_atomic, write_json
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.secrets import references
from sandbox_suite.stacks.spec import StackSpec

PROJECT = "sandbox"
ORGANIZATION = "organization"  # what a backend without accounts calls it
PASSPHRASE = "secret://sandbox/pulumi-passphrase"  # noqa: S105 - a reference
PLUGIN = CHECKOUT / "src" / "sandbox_suite" / "stacks" / "docker_provider" / "bin"
SALT_KEY = "encryptionsalt"
SPEC_KEY = f"{PROJECT}:spec"
Provider = Literal["embedded", "official"]


@dataclass(frozen=True)
class Workspace:
    """The stack of one job."""

    folder: Path  # of the job
    job: str
    home: Path  # of the installation: its secrets
    pulumi: Path  # the CLI
    provider: Provider = "embedded"

    @property
    def stack(self) -> str:
        """Return the stack's name."""
        return f"sandbox-{self.job}"

    @property
    def root(self) -> Path:
        """Return the folder that is removed with the stack."""
        return self.folder / "stack"

    @property
    def work(self) -> Path:
        """Return the folder to run the CLI in."""
        return self.root / "ws"

    @property
    def backend(self) -> Path:
        """Return the backend's folder."""
        return self.root / "state" / ".pulumi"

    @property
    def checkpoint(self) -> Path:
        """Return the state file."""
        return self.backend / "stacks" / PROJECT / f"{self.stack}.json"

    @property
    def locks(self) -> Path:
        """Return the folder of the stack's lock files."""
        return self.backend / "locks" / ORGANIZATION / PROJECT / self.stack

    @property
    def settings_file(self) -> Path:
        """Return the stack's settings, the spec among them."""
        return self.work / f"Pulumi.{self.stack}.yaml"

    def environment(self) -> dict[str, str]:
        """Return what the CLI needs in its environment to work on this stack."""
        found = {
            "PULUMI_HOME": str(self.root / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.root / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase_file(self.home)),
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "1",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "GOGC": "400",  # a fifth of the CLI's work was collecting garbage; it ends before that matters
        }
        if self.provider == "embedded":
            # Without the internet each operation would wait three seconds for a plugin that it does not need.
            found["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "1"
        return found

    def lay_out(self, spec: StackSpec) -> None:
        """Write what is missing, and the spec; a state that is there stays."""
        for folder in (self.work, self.root / "home", self.checkpoint.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.provider == "official":
            self._share_plugins()
        references.ensure(PASSPHRASE, self.home, lambda: secrets.token_urlsafe(32).encode())
        if not self.checkpoint.exists():
            write_atomic(self.backend / "meta.yaml", b"version: 1\n", 0o600)
            self.forget()
        _write_yaml(self.work / "Pulumi.yaml", self._project())
        _write_yaml(self.settings_file, self._kept_salt() | self._settings() | {"config": {SPEC_KEY: spec.as_dict()}})

    def forget(self) -> None:
        """Begin with an empty state."""
        empty = {"version": 3, "checkpoint": {"stack": f"{ORGANIZATION}/{PROJECT}/{self.stack}"}}
        write_json(self.checkpoint, empty, 0o600)

    def spec(self) -> StackSpec | None:
        """Return the spec that was written last; None before that."""
        values = self._settings().get("config", {}).get(SPEC_KEY)
        return StackSpec.from_dict(values) if values else None

    def keep_salt(self) -> None:
        """Keep the salt that the CLI made, for stacks to come: making one costs 0.2 s."""
        salt = self._settings().get(SALT_KEY)
        if salt and not self._kept_salt():
            write_atomic(self._salt_file, salt.encode(), 0o600)

    @property
    def _salt_file(self) -> Path:
        return self.home / "secrets" / "pulumi-salt"

    def _kept_salt(self) -> dict[str, str]:
        """Return the setting with the kept salt; nothing where the passphrase is younger: it has another salt."""
        try:
            if self._salt_file.stat().st_mtime_ns < passphrase_file(self.home).stat().st_mtime_ns:
                return {}
            return {SALT_KEY: self._salt_file.read_text()}
        except OSError:
            return {}

    def _settings(self) -> dict[str, Any]:
        # The CLI adds the salt of its encryption, which has to stay.
        if not self.settings_file.exists():
            return {}
        return yaml.safe_load(self.settings_file.read_text()) or {}

    def _share_plugins(self) -> None:
        """Let every stack see the plugins of this account: the official provider is 86 MB to download."""
        shared = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
        shared.mkdir(parents=True, exist_ok=True)
        link = self.root / "home" / "plugins"
        if not link.exists():
            link.symlink_to(shared)

    def _project(self) -> dict[str, Any]:
        project: dict[str, Any] = {"name": PROJECT, "runtime": "python"}
        if self.provider == "embedded":
            project["plugins"] = {"providers": [{"name": "docker", "path": str(PLUGIN)}]}
        return project


def passphrase_file(home: Path) -> Path:
    """Return the file of the passphrase, where `secrets.references` finds it."""
    return Path(os.environ.get("SANDBOX_SECRET_PULUMI_PASSPHRASE") or home / "secrets" / "pulumi-passphrase")


def require(pulumi: Path) -> Path:
    """Return the CLI's path; InfrastructureError where there is none."""
    if not os.access(pulumi, os.X_OK):
        raise InfrastructureError(
            f"no Pulumi engine at {pulumi}", remedy="run `./invoke ops.doctor`, which says how to get it"
        )
    return pulumi


def _write_yaml(path: Path, value: Any) -> None:
    write_atomic(path, yaml.safe_dump(value, sort_keys=False).encode(), 0o600)
