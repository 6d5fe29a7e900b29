"""The images of a sandbox: named by what they are made of, so that nobody asks whether they are up to date."""

import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.progress import Say
from sandbox_suite.core.settings import CHECKOUT, Settings, settings

if TYPE_CHECKING:
    from sandbox_suite.toolchain.builds import Builder

CONTEXTS = CHECKOUT / "infra" / "images"
REPOSITORY = "sandbox-suite"
BASE = "base"
PARTS = ("database", "plugin", "runner")  # each on top of the base; the containers of a sandbox


def references(contexts: Path = CONTEXTS, packages: str | None = None) -> dict[str, str]:
    """Return {part: reference} of the base and of each part. Reads the build contexts only, never the Docker engine.

    `packages` are further ones of the runner, as the setting `runner_packages` names them.
    """
    base = _digest(contexts / BASE, "")
    packages = settings().runner_packages if packages is None else packages
    digests = {BASE: base} | {part: _digest(contexts / part, base) for part in PARTS}
    digests["runner"] = _with(digests["runner"], packages)
    return {part: f"{REPOSITORY}/{part}:{digest[:12]}" for part, digest in digests.items()}


def missing() -> list[str]:
    """Return the parts, in building order, whose image the Docker engine does not have."""
    from sandbox_suite.toolchain import ping

    there = ping.image_references(REPOSITORY)
    return [part for part, reference in references().items() if reference not in there]


def prepare(settings: Settings, say: Say) -> list[str]:
    """Build the images that are missing and return what was done; of two at once, the second finds them built."""
    if not missing():
        return []
    from sandbox_suite.toolchain.locks import held

    with held(settings.cache / "locks" / "images.lock", say, "the images"):
        return _prepare_all(missing(), settings, say)


def context_files(context: Path) -> Iterator[tuple[str, bool, bytes]]:
    """Yield (name, executable, content) of a build context: all that its digest and its build depend on."""
    for path in sorted(context.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(context).as_posix(), bool(path.stat().st_mode & stat.S_IXUSR), path.read_bytes()


def _digest(context: Path, base: str) -> str:
    total = hashlib.sha256(base.encode())
    for name, executable, content in context_files(context):
        total.update(f"\0{name}\0{executable}\0{hashlib.sha256(content).hexdigest()}".encode())
    return total.hexdigest()


def _with(digest: str, packages: str) -> str:
    """Return the digest of an image that has more packages; their order makes no difference."""
    words = " ".join(sorted(packages.split()))
    return hashlib.sha256(f"{digest}\0{words}".encode()).hexdigest() if words else digest


def _prepare_all(parts: list[str], settings: Settings, say: Say) -> list[str]:
    from sandbox_suite.toolchain.builds import Builder

    names = references()
    with Builder(settings, say) as builder:
        return [_prepare_one(builder, part, names, settings) for part in parts]


def _prepare_one(builder: "Builder", part: str, names: dict[str, str], settings: Settings) -> str:
    if builder.pull(names[part]):
        return f"image {part} (pulled)"
    if not (CONTEXTS / part / "Dockerfile").is_file():
        raise InfrastructureError(
            f"infra/images/{part}/Dockerfile is missing from the checkout at {CHECKOUT}",
            remedy="restore it: git checkout -- infra/images",
        )
    arguments = {"BASE": names[BASE]} if part != BASE else {"ROOT": builder.root()}
    if part == "runner":
        arguments["PACKAGES"] = " ".join(sorted(settings.runner_packages.split()))
    builder.build(names[part], CONTEXTS / part, arguments)
    return f"image {part} (built)"
