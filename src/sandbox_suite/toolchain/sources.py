"""Where Debian's packages come from on this machine: its own apt sources, never an address of ours."""

import functools
import os
import shutil
import subprocess
from pathlib import Path

from sandbox_suite.core.progress import Say

RELEASE = "bookworm"
LOCAL_AUTHORITIES = Path("/usr/local/share/ca-certificates")
LEAN = tuple(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man"))
FORMAT = "$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"


@functools.cache
def apt_sources() -> tuple[str, ...]:
    """Return lines of a sources.list: Debian's release as this machine reaches it; none where it does not know."""
    listed = _index_targets()
    if not listed and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "-q", "update"], check=False, capture_output=True, timeout=300)
        listed = _index_targets()
    return tuple(listed)


def build_arguments() -> dict[str, str]:
    """Return what a build needs to reach this machine's mirror; used while building, kept in no file of an image."""
    lines = apt_sources()
    arguments = {"APT_SOURCES": "\n".join(lines)} if lines else {}
    if any(" https:" in line for line in lines):
        arguments["CA_CERTIFICATES"] = "\n".join(path.read_text() for path in sorted(LOCAL_AUTHORITIES.glob("*.crt")))
    return arguments


def ensure_mmdebstrap(say: Say) -> None:
    """Install mmdebstrap where it is missing and may be installed."""
    if shutil.which("mmdebstrap"):
        return
    from sandbox_suite.toolchain.apt import install

    install(["mmdebstrap"], say, why="it makes the base image, as no registry answers")


def mmdebstrap_command() -> list[str]:
    """Return the command that writes the base system as a tar archive to its stdout."""
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates", *LEAN, RELEASE, "-"]
    lines = apt_sources()
    return [*command, *lines] if lines else command


def _index_targets() -> list[str]:
    try:
        shown = subprocess.run(
            ["apt-get", "indextargets", "--format", FORMAT, "Created-By: Packages"],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    lines: dict[str, None] = {}  # in order, each once
    for target in shown.splitlines():
        origin, codename, address, release, component = target.split("|")
        if origin == "Debian" and codename.split("-")[0] == RELEASE and component == "main":
            lines[f"deb {address} {release} {component}"] = None
    return list(lines)
