"""check and test: what keeps the repository honest. Each command is echoed, so that it can be pasted."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.settings import CHECKOUT, settings
from sandbox_suite.tasks import output

BIN = Path(sys.executable).parent
CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("lint-imports",),
    ("yamllint", "--strict", "."),
    ("ansible-lint", "--offline", "--profile", "production", "playbooks", "roles"),
    ("pytest", "tests/unit", "tests/content"),
)


@task(help={"fix": "let ruff mend what it can first"})
def check(context: Context, fix: bool = False) -> None:
    """Run every check that needs no Docker: format, lint, types, directions, YAML, Ansible, unit tests."""
    if fix:
        _run("ruff", "check", "--fix", "-q", ".")
        _run("ruff", "format", "-q", ".")
    failed = [command for command in CHECKS if _run(*command)]
    if failed:
        raise Exit(f"failed: {'; '.join(' '.join(command) for command in failed)}", code=1)


@task(
    help={
        "path": "only these tests (a path, or several with spaces)",
        "keyword": "pytest's -k",
        "unit": "no Docker: unit and content only",
    }
)
def test(context: Context, path: str = "", keyword: str = "", unit: bool = False) -> None:
    """Set up what is missing and run the tests, against real Docker, Pulumi and Ansible."""
    from sandbox_suite import toolchain

    if not unit:
        toolchain.prepare(settings(), output.say)
    paths = path.split() or (["tests/unit", "tests/content"] if unit else [])
    chosen = ["-k", keyword] if keyword else []
    raise Exit(code=_run("pytest", *chosen, *paths))


def _run(program: str, *arguments: str) -> int:
    output.say(f"$ .venv/bin/{shlex.join([program, *arguments])}")
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run([BIN / program, *arguments], cwd=CHECKOUT, env=environment).returncode
