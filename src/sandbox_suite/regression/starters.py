"""Starters: a suite of a language that passes at once against the example plugin, to begin from."""

import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sandbox_suite.core import documents
from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.regression import suites

STARTERS = CHECKOUT / "templates" / "suites"
LANGUAGES = ("python", "node", "bash", "go", "java", "http")
TOOLS = {"go": "go", "java": "javac"}  # what a starter that must be built is built with
NAME = re.compile(r"^name: starter$", re.MULTILINE)
ALLOWED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
BUILD_SECONDS = 600


@dataclass(frozen=True)
class Made:
    """A suite that was made. `to_do` is the command that still has to be run in its folder; empty: none."""

    folder: Path
    files: tuple[str, ...]
    to_do: str = ""


def make(language: str, name: str, out: Path) -> Made:
    """Make the suite `out/name` of a language and build it where that is needed and possible.

    RequestError: no such language, a name that no suite can have, a folder that is there already.
    InfrastructureError: it was made but could not be built.
    """
    wrong = _mistakes(language, name, out)
    if wrong:
        raise RequestError("\n".join(wrong), remedy="correct this and run again")
    folder, fresh = out / name, out / f".{name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        shutil.copytree(STARTERS / language, fresh, ignore=shutil.ignore_patterns("__pycache__"))
        manifest = fresh / suites.MANIFEST
        manifest.write_text(NAME.sub(f'name: "{name}"', manifest.read_text()))
        fresh.rename(folder)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise RequestError(f"{folder} could not be made: {error}", remedy="name another place with --out") from error
    to_do = _build(language, folder)
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return Made(folder, tuple(found), to_do)


def _mistakes(language: str, name: str, out: Path) -> list[str]:
    wrong = []
    if language not in LANGUAGES:
        wrong.append(f"no starter for `{language}`: there are {', '.join(LANGUAGES)}")
    if not ALLOWED.fullmatch(name):
        wrong.append(f"`{name}` cannot be a suite's name: letters, digits, `.`, `_` and `-`, at most 64 of them")
    elif (out / name).exists():
        wrong.append(f"{out / name} is there already")
    return wrong


def _build(language: str, folder: Path) -> str:
    """Build what has to be built; return the command where the tool for it is not here."""
    manifest = documents.check(folder / suites.MANIFEST, suites.Manifest)[1]
    if manifest is None or not manifest.build:
        return ""
    command = shlex.join(manifest.build)
    if not shutil.which(TOOLS[language]):
        return command
    try:
        done = subprocess.run(manifest.build, cwd=folder, capture_output=True, text=True, timeout=BUILD_SECONDS)
        said = f"{done.stdout}{done.stderr}".strip() if done.returncode else ""
    except subprocess.TimeoutExpired:
        said = f"no end after {BUILD_SECONDS} s"
    if said:
        raise InfrastructureError(
            f"`{command}` failed:\n{said[-2000:]}",
            left=f"the suite stands in {folder}, not built",
            remedy=f"correct what the lines say, then run `{command}` there",
        )
    return ""
