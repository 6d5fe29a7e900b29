"""Installing Debian packages: only as root, only on Debian or its kin, and waiting for whoever else installs."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.progress import Say
from sandbox_suite.toolchain.progress import ticking

LOCK_SECONDS = 600
KEPT_LINES = 15
# Services stay as they are: what we need started we start ourselves, with a log of our own.
ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "RUNLEVEL": "1"}


def possible() -> bool:
    """Tell whether this process may install packages here."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: Sequence[str], say: Say, *, why: str) -> None:
    """Install `packages`, or say in one message what a person has to do."""
    names = " ".join(packages)
    if not possible():
        raise InfrastructureError(
            f"{names} is not installed, and only root on Debian or Ubuntu can have it installed automatically",
            remedy=f"install it, for instance: sudo apt-get install {names}",
        )
    with ticking(say, f"installing {names}: {why}"):
        failure = _apt_get("install", "--yes", "--no-install-recommends", *packages)
        if failure:  # the lists are old or were never fetched
            _apt_get("update")
            failure = _apt_get("install", "--yes", "--no-install-recommends", *packages)
    if failure:
        raise InfrastructureError(
            f"apt-get could not install {names}:\n{failure}",
            left="apt's own state: a started installation is taken up by the next one",
            remedy=f"correct what apt says, then try again; by hand: apt-get update && apt-get install {names}",
        )


def _apt_get(*arguments: str) -> str:
    # The lists (`update`) have a lock of their own that DPkg::Lock::Timeout covers only since apt 2.x; both are set.
    command = ["apt-get", "-q", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}", "-o", "Acquire::Retries=3", *arguments]
    done = subprocess.run(
        command, check=False, env=os.environ | ENVIRONMENT, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    return "\n".join(done.stdout.splitlines()[-KEPT_LINES:]) if done.returncode else ""
