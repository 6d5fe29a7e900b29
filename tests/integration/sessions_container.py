"""A hardened container as a sandbox has them, for the tests of sessions."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import settings
from sandbox_suite.toolchain import images

HARDENED = ("--init", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")
TMPFS = "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=64m,mode=1777"
USER = "powerx"


def docker(*arguments: str, stdin: str | None = None) -> str:
    """Run docker; return what it printed."""
    done = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def image() -> str:
    """Return the plugin host's image, built if it is missing."""
    if images.missing():
        images.prepare(settings(), silent)
    return images.references()["plugin"]


@contextmanager
def container(*options: str, using: str | None = None) -> Iterator[str]:
    """Yield the name of a running container that is removed afterwards."""
    name = f"ses-{secrets.token_hex(4)}"
    command = (
        "run",
        "-d",
        "--name",
        name,
        *HARDENED,
        TMPFS,
        *options,
        "--entrypoint=/usr/bin/sleep",
        using or image(),
        "600",
    )
    docker(*command)
    try:
        yield name
    finally:
        subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)


def running(name: str) -> bool:
    """Say whether a container runs."""
    return docker("inspect", "-f", "{{.State.Running}}", name) == "true"


def processes(name: str) -> str:
    """Return the command lines of a container's processes."""
    return docker("top", name, "-eo", "pid,args")
