"""What can be told of a plugin without running it: manifest, files, rows of the host's security checklist."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.findings import Finding
from sandbox_suite.plugins import leaks, manifest, package, signature, tree
from sandbox_suite.plugins.expansion import references
from sandbox_suite.plugins.manifest import Manifest
from sandbox_suite.plugins.tree import Item, Tree

# Files that hold secrets by their nature (S-03), and leftovers that nobody means to ship.
SECRET_NAMES = frozenset(
    {".env", "id_rsa", "id_ed25519", "id_ecdsa", ".netrc", ".pgpass", ".npmrc", ".pypirc", "credentials.json"}
)
SECRET_ENDINGS = (".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx")
LEFTOVER_ENDINGS = (".log", ".sqlite", ".sqlite3", ".db", ".dump", ".bak", ".orig", ".core")
SEARCHED_COMMANDS = ("python3", "node", "bash", "sh")  # what the plugin image has


def look(path: Path, home: Path) -> tuple[list[Finding], dict[str, str]]:
    """Return (findings, facts) on a plugin folder, or on a package file and its signature and hash too."""
    found, described = plugin(path)
    facts = {"path": str(path)}
    if described is None:
        return found, facts
    facts |= {"id": described.id, "version": described.version}
    try:
        if path.is_file():
            verified = package.verify(path, signature.trusted(home))
            return found, facts | {"digest": verified.digest, "signer": verified.signer}
        return found, facts | {"digest": package.content(path).digest}
    except RequestError as error:
        told = {finding.message for finding in found}
        lines = [line for line in error.explanation.what.splitlines() if not any(map(line.endswith, told))]
        return [*found, *(Finding("error", line, path.name, "plugin-package-refused") for line in lines)], facts


def plugin(path: Path) -> tuple[list[Finding], Manifest | None]:
    """Return the findings on a plugin folder, or on the content of a package file."""
    if path.is_file():
        return _package(path)
    if not path.is_dir():
        return [Finding("error", "there is no such folder or package file", str(path), "plugin-unknown")], None
    found, described = manifest.check(path)
    refused, files = tree.look(path)
    return [*found, *refused, *(content(described, files) if described else [])], described


def _package(path: Path) -> tuple[list[Finding], Manifest | None]:
    try:
        held = package.read(path)
    except RequestError as error:
        lines = error.explanation.what.splitlines()
        return [Finding("error", line, path.name, "plugin-package-refused") for line in lines], None
    return content(held.manifest, held.files), held.manifest


def content(described: Manifest, files: Tree) -> list[Finding]:
    """Return the findings on a plugin whose manifest and files could be read."""
    return [
        *_entries(described, files),
        *_health(described),
        *_environment(described),
        *_port(described),
        *(finding for item in files.values() for finding in _file(item)),
    ]


def _entries(described: Manifest, files: Tree) -> Iterator[Finding]:
    """What is started must be in the package, or be a command that the plugin image has."""
    declared = {"runtime.entry": described.runtime.entry}
    if described.migrations:
        folder = PurePosixPath(described.migrations.workdir)
        declared["migrations.entry"] = described.migrations.entry
        if folder != PurePosixPath() and not any(PurePosixPath(name).is_relative_to(folder) for name in files):
            yield _error(f"migrations.workdir: the package has no folder {folder}", "plugin-entry-missing")
    for name, entry in declared.items():
        if "/" in entry and not entry.startswith("/"):
            yield from _inner_entry(name, str(PurePosixPath(entry)), files)
        elif PurePosixPath(entry).name not in SEARCHED_COMMANDS:
            yield _error(f"{name}: `{entry}` is neither a path in the package nor a command of the plugin image "
                         f"({', '.join(SEARCHED_COMMANDS)})", "plugin-entry-missing")  # fmt: skip
    if described.runtime.entry in SEARCHED_COMMANDS and described.runtime.args[:1]:
        script = described.runtime.args[0]
        if not script.startswith("-") and str(PurePosixPath(script)) not in files:
            yield _error(f"runtime.args: the package has no file {script}", "plugin-entry-missing")


def _inner_entry(name: str, entry: str, files: Tree) -> Iterator[Finding]:
    if entry not in files:
        yield _error(f"{name}: the package has no file {entry}", "plugin-entry-missing")
    elif not files[entry].executable:
        yield _error(f"{name}: {entry} cannot be executed; `chmod +x` it and pack again", "plugin-entry-not-executable")


def _health(described: Manifest) -> Iterator[Finding]:
    if not described.declares_health:
        message = "no health check is declared (S-15): write `runtime.health.http: /healthz`; /healthz is assumed"
        yield Finding("warning", message, manifest.NAME, "plugin-health-undeclared")


def _environment(described: Manifest) -> Iterator[Finding]:
    for name, value in described.runtime.env.items():
        asked = references(value)
        fixed = (value and not asked) or any(asked.values())
        if leaks.SECRET_NAME.search(name) and fixed and value.lower() not in ("true", "false") and not value.isdigit():
            message = f"runtime.env.{name} has a fixed value (S-03): write `${{{name}}}` and let the host inject it"
            yield _error(message, "plugin-secret-fixed")
        for reference, default in asked.items():
            if default is None and not reference.startswith("POWERX_"):
                message = f"runtime.env.{name}: `${{{reference}}}` has no default and is empty in a sandbox"
                yield Finding("note", message, manifest.NAME, "plugin-variable-empty")


def _port(described: Manifest) -> Iterator[Finding]:
    address = described.environment({})["POWERX_BIND_ADDR"]
    if not address.endswith(f":{described.port}"):
        message = f"POWERX_BIND_ADDR is {address} and backend.port {described.backend.port}"
        yield _error(f"{message}: health would be asked for on {described.port}", "plugin-port-differs")
    if not described.signature.enabled:
        message = "signature.enabled is false: the sandbox signs and verifies the package all the same (S-11)"
        yield Finding("note", message, manifest.NAME, "plugin-signature-off")


def _file(item: Item) -> Iterator[Finding]:
    path = PurePosixPath(item.path)
    foreign = any(part in leaks.FOREIGN for part in path.parts[:-1])
    if path.name in SECRET_NAMES or path.suffix in SECRET_ENDINGS:
        severity = "warning" if foreign else "error"
        yield Finding(severity, "files of this kind hold secrets (S-03)", item.path, "plugin-secret-file")  # type: ignore[arg-type]
    elif path.suffix in LEFTOVER_ENDINGS:
        yield Finding("warning", "looks like a leftover; is it meant to be shipped?", item.path, "plugin-leftover")
    for leak in leaks.scan(item.data):
        place, certain = f"{item.path}:{leak.line}", leak.certain and not foreign
        if certain or leak.certain:
            message = f"holds {leak.kind} (S-03): inject it as a variable"
            yield Finding("error" if certain else "warning", message, place, "plugin-secret-hard-coded")
        elif not foreign:
            yield Finding("warning", f"may hold {leak.kind} (S-03)", place, "plugin-secret-suspected")


def _error(message: str, mark: str) -> Finding:
    return Finding("error", message, manifest.NAME, mark)
