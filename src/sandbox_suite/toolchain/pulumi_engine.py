"""The Pulumi engine (its CLI): found on PATH or in our cache, else installed, else built from its Go modules."""

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.files import read_json, write_json
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.toolchain.locks import held
from sandbox_suite.toolchain.progress import ticking

MODULE = CHECKOUT / "infra" / "cli"
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
GO = (1, 26)
INSTALL_SECONDS = 300
CONNECT_SECONDS = 5  # to the installer's host: offline machines go on to Go at once
KEPT_LINES = 15
# The SDK's own installer, in a process of its own: its connections get a limit that the SDK does not offer.
INSTALLER = """
import socket, sys
socket.setdefaulttimeout(float(sys.argv[2]))
from pulumi.automation import PulumiCommand
PulumiCommand.install(root=sys.argv[1])
"""


@functools.cache
def version() -> str:
    """Return the version we use: the one that infra/cli/go.mod pins, as pyproject.toml pins the SDK's."""
    pinned = re.search(r"github\.com/pulumi/pulumi/pkg/v3 v(\S+)", (MODULE / "go.mod").read_text())
    assert pinned, "infra/cli/go.mod requires pulumi/pkg"
    return pinned[1]


def find(settings: Settings) -> Path | None:
    """Return the engine of our version: the one on PATH, else the one in our cache; None where neither is."""
    own = cached(settings)
    on_path = shutil.which("pulumi")
    if on_path and Path(on_path) != own and _version_of(Path(on_path), _memory(settings)) == version():
        return Path(on_path)
    return own if os.access(own, os.X_OK) else None


def pulumi_path(settings: Settings) -> Path:
    """Return the Pulumi CLI to run; InfrastructureError where there is none yet."""
    found = find(settings)
    if found is None:
        raise InfrastructureError(f"the Pulumi CLI {version()} is missing", remedy=remedy())
    return found


def cached(settings: Settings) -> Path:
    """Return where our own copy is, or would be; a copy of that name is always whole."""
    return settings.cache / "pulumi" / version() / "pulumi"


def go_version() -> tuple[int, int] | None:
    """Return the version of the Go toolchain on PATH, None where there is none."""
    if not shutil.which("go"):
        return None
    shown = subprocess.run(["go", "env", "GOVERSION"], check=False, capture_output=True, text=True, cwd="/").stdout
    number = re.match(r"go(\d+)\.(\d+)", shown)
    return (int(number[1]), int(number[2])) if number else None


def remedy() -> str:
    """Return what a person, or the next start, does about a missing engine."""
    return (
        f"`./invoke ops.setup` installs it, or builds it where Go >= {GO[0]}.{GO[1]} is on PATH; "
        f"by hand: put pulumi {version()} on PATH"
    )


def prepare(settings: Settings, say: Say) -> list[str]:
    """Make the Pulumi engine available and return what was done."""
    if find(settings):
        return []
    with held(settings.cache / "locks" / "pulumi.lock", say, "the Pulumi engine") as lock:
        if find(settings):
            return []
        return [_install(settings, say, lock)]


def remember(settings: Settings) -> None:
    """Note the version of the engine on PATH, so that later starts need not run it to know."""
    on_path = shutil.which("pulumi")
    if on_path and _noted(Path(on_path), _memory(settings)) is None:
        path = Path(on_path)
        write_json(_memory(settings), {"file": _identity(path), "version": _version_of(path, _memory(settings))})


def _memory(settings: Settings) -> Path:
    return settings.cache / "pulumi" / "on-path.json"


def _identity(path: Path) -> list[str | int]:
    real = path.resolve()
    facts = real.stat()
    return [str(real), facts.st_size, facts.st_mtime_ns]


def _noted(path: Path, memory: Path) -> str | None:
    try:
        known = read_json(memory)
        return str(known["version"]) if known["file"] == _identity(path) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # nothing was noted, or not by us


def _version_of(path: Path, memory: Path) -> str:
    noted = _noted(path, memory)
    if noted is not None:
        return noted
    try:
        shown = subprocess.run(
            [str(path), "version"], check=True, capture_output=True, text=True, timeout=20,
            env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return shown.strip().removeprefix("v")


def _install(settings: Settings, say: Say, lock: IO[str]) -> str:
    place = cached(settings).parent
    place.parent.mkdir(parents=True, exist_ok=True)
    for left in place.parent.glob(".new-*"):  # of a start that was killed; we hold the lock
        shutil.rmtree(left, ignore_errors=True)
    new = Path(tempfile.mkdtemp(dir=place.parent, prefix=".new-"))
    try:
        how = "installed" if _official(new, say) else "built"
        if how == "built":
            _build(new, say, lock)
        shutil.rmtree(place, ignore_errors=True)
        new.chmod(0o755)
        new.rename(place)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return f"pulumi {version()} ({how})"


def _official(new: Path, say: Say) -> bool:
    with ticking(say, f"asking Pulumi's own installer for {version()} (fails at once without the internet)"):
        try:
            subprocess.run(
                [sys.executable, "-c", INSTALLER, str(new / "official"), str(CONNECT_SECONDS)],
                check=True, capture_output=True, timeout=INSTALL_SECONDS,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            shutil.rmtree(new / "official", ignore_errors=True)
            return False
    for file in (new / "official" / "bin").iterdir():
        file.rename(new / file.name)
    shutil.rmtree(new / "official")
    return _version_of(new / "pulumi", new / "none") == version()


def _build(new: Path, say: Say, lock: IO[str]) -> None:
    found = go_version()
    if found is None or found < GO:
        present = f"Go {found[0]}.{found[1]} is too old" if found else "Go is not on PATH"
        raise InfrastructureError(
            f"the Pulumi CLI {version()} is missing: its installer cannot be reached, and to build it {present}",
            remedy=f"put Go >= {GO[0]}.{GO[1]} on PATH, or pulumi {version()} itself; then run the same command again",
        )
    flags = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{version()}"
    command = ["go", "build", "-v", "-trimpath", "-ldflags", flags, "-o", str(new / "pulumi"), PACKAGE]
    with ticking(say, f"building pulumi {version()} from its Go modules, once per machine (about 4 minutes)") as tick:
        failure = _go(command, tick, lock)
    if failure:
        raise InfrastructureError(
            f"go build of pulumi {version()} failed:\n{failure}",
            left="Go's own caches: the next build goes on from there",
            remedy="go needs its module proxy (go env GOPROXY) and 3 GB of disk; then run the same command again",
        )


def _go(command: list[str], tick: Say, lock: IO[str]) -> str:
    """Run a Go command in our module and return why it failed, or nothing."""
    kept: list[str] = []
    # Go keeps the lock open too: where this process alone is killed, the next start waits until Go has ended.
    with subprocess.Popen(
        command, cwd=MODULE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", pass_fds=[lock.fileno()], env=os.environ | {"GOFLAGS": "-mod=readonly"},
    ) as go:  # fmt: skip
        assert go.stdout
        try:
            for number, line in enumerate(go.stdout, 1):
                kept = [*kept, line.rstrip()][-KEPT_LINES:]
                tick(f"{number} steps, at {line.strip()}")
        except BaseException:
            go.kill()
            raise
    return "\n".join(kept) if go.returncode else ""
