"""plugin.*: pack a plugin folder into a signed package, and check a folder or a package."""

from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from sandbox_suite.core.settings import settings
from sandbox_suite.tasks import output


@task(
    positional=["path"],
    help={
        "path": "the plugin's folder, with its plugin.yaml",
        "out": "folder for the package; default: the current one",
        "json": "one JSON document on stdout",
    },
)
def pack(context: Context, path: str, out: str = ".", json: bool = False) -> None:
    """Check a plugin folder and pack it into `<id>-<version>.pxp`, signed with this installation's key."""
    from pathlib import Path

    from sandbox_suite.core.errors import RequestError
    from sandbox_suite.core.findings import errors
    from sandbox_suite.plugins import check, package, signature

    folder = Path(path)
    found, _ = check.plugin(folder)
    for finding in found:
        output.say(str(finding))
    if errors(found):
        raise RequestError(f"{path} has {len(errors(found))} mistakes", left="no package was written")
    made = package.pack(folder, Path(out), signature.signing_key(settings().home))
    facts = {"path": str(made.path), "id": made.id, "version": made.version, "digest": made.digest}
    _show({**facts, "signer": made.signer}, json)


@task(
    name="check",
    positional=["path"],
    help={"path": "a plugin folder or a .pxp file", "json": "one JSON document on stdout"},
)
def check_(context: Context, path: str, json: bool = False) -> None:
    """Look at a plugin: manifest, files, hard-coded secrets, and for a package its signature and hash."""
    from pathlib import Path

    from sandbox_suite.core.findings import errors
    from sandbox_suite.plugins import check

    found, facts = check.look(Path(path), settings().home)
    if json:
        output.facts({**facts, "findings": [finding.as_dict() for finding in found]})
    else:
        output.lines([*(f"{name}: {value}" for name, value in facts.items()), *map(str, found)])
        output.say(f"{len(errors(found))} errors, {len(found) - len(errors(found))} other findings")
    raise Exit(code=2 if errors(found) else 0)


def _show(facts: dict[str, Any], json: bool) -> None:
    if json:
        output.facts(facts)
    else:
        output.lines(f"{name}: {value}" for name, value in facts.items())
