"""From what a user names to a verified plugin: `ID@VERSION`, a plugin folder, or a package file.

Packages are kept in `<home>/plugins/<id>/<version>/`, named by content and signer; `current.json` there says which one
`ID@VERSION` means: the package file that was named last. A folder is work in progress: trying it changes nothing for
whoever asks for `ID@VERSION`. Shipped examples need no installing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sandbox_suite.core.clock import Clock, iso
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import read_json, write_atomic, write_json
from sandbox_suite.core.findings import Finding, errors
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.plugins import check, manifest, package, signature
from sandbox_suite.plugins.manifest import Manifest
from sandbox_suite.plugins.package import Content, Plugin

EXAMPLES = CHECKOUT / "examples" / "plugins"
REFERENCE = re.compile(r"(?P<id>[a-z][a-z0-9_.-]*)@(?P<version>[0-9A-Za-z.+-]+)")
LEFT = "the plugin was not installed"
Source = Literal["folder", "package", "installed"]


@dataclass(frozen=True)
class PluginFacts:
    """What a look tells of a plugin. `signer` is empty where the plugin would only now be signed."""

    id: str
    version: str
    digest: str  # sha256:<hex> of the content
    source: Source
    path: Path  # what was, or would be, packed or verified
    signer: str
    manifest: Manifest


def resolve(reference: str, settings: Settings, clock: Clock) -> Plugin:
    """Return the verified plugin that `reference` names, packing or storing it first where that is needed.

    RequestError where there is no such plugin, its manifest is wrong, it holds secrets, or its signature or hash fail.
    """
    source, path = _find(reference, settings)
    if source == "installed":
        return package.verify(path, signature.trusted(settings.home))
    if source == "folder":
        return _pack(path, settings)
    plugin = _store(path, settings)
    _point(plugin, clock)
    return plugin


def look(reference: str, settings: Settings) -> tuple[list[Finding], PluginFacts | None]:
    """Return (findings, facts) on what `resolve` would return; nothing is written."""
    try:
        source, path = _find(reference, settings)
        if source == "folder":
            held = package.content(path)
            facts = PluginFacts(held.manifest.id, held.manifest.version, held.digest, source, path, "", held.manifest)
            found = check.content(held.manifest, held.files)
            return [*found, *dependencies(held.manifest, installed(settings))], facts
        plugin = package.verify(path, signature.trusted(settings.home))
    except RequestError as error:
        lines = error.explanation.what.splitlines()
        return [Finding("error", line, reference, "plugin-refused") for line in lines], None
    found = check.plugin(path)[0] if source == "package" else []
    facts = PluginFacts(plugin.id, plugin.version, plugin.digest, source, path, plugin.signer, plugin.manifest)
    return [*found, *dependencies(plugin.manifest, installed(settings))], facts


def installed(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the plugins that `ID@VERSION` can name: id -> versions, the examples among them."""
    known: dict[str, set[str]] = {}
    for pointer in sorted(_root(settings).glob("*/*/current.json")):
        known.setdefault(pointer.parent.parent.name, set()).add(pointer.parent.name)
    for described in _examples().values():
        known.setdefault(described.id, set()).add(described.version)
    return {name: tuple(sorted(versions, key=_by_version)) for name, versions in sorted(known.items())}


def dependencies(described: Manifest, present: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Return what `requires` and `conflicts` of a manifest say about the plugins that are present (id -> versions)."""
    found: list[Finding] = []
    for needed in described.dependencies.requires:
        versions = present.get(needed.id, ())
        if not any(map(needed.allows, versions)):
            have = f"only {', '.join(versions)} is there" if versions else "it is not there"
            found.append(
                _dependency(f"dependencies.requires: `{needed}` is needed, {have}", "plugin-requirement-missing")
            )
    for banned in described.dependencies.conflicts:
        meant = [version for version in present.get(banned.id, ()) if banned.allows(version)]
        if meant and banned.id != described.id:
            message = f"dependencies.conflicts: `{banned}` is there ({', '.join(meant)})"
            found.append(_dependency(message, "plugin-conflict"))
    return found


def _find(reference: str, settings: Settings) -> tuple[Source, Path]:
    """Return what kind of thing `reference` names, and where it is."""
    if match := REFERENCE.fullmatch(reference):
        pointer = _root(settings) / match["id"] / match["version"] / "current.json"
        if pointer.is_file():
            return "installed", pointer.parent / str(read_json(pointer)["package"])
        for folder, described in _examples().items():
            if (described.id, described.version) == (match["id"], match["version"]):
                return "folder", folder
    path = Path(reference).expanduser().absolute()
    if path.is_dir():
        return "folder", path.resolve()
    if path.is_file():
        return "package", path.resolve()
    known = [f"{name}@{version}" for name, versions in installed(settings).items() for version in versions]
    raise RequestError(
        f"plugin `{reference}` is not known: neither installed nor a folder or package file",
        remedy=f"name one of {', '.join(known) or 'none'}, a plugin folder or a .pxp file",
    )


def _pack(folder: Path, settings: Settings) -> Plugin:
    """Return the package of a folder, made and signed with the installation's key where it is not there yet."""
    held = package.content(folder)
    key = signature.signing_key(settings.home)
    place = _place(settings, held, signature.fingerprint(signature.public_key(key)))
    if not place.exists():
        _refuse(check.content(held.manifest, held.files))
        package.write(held, place.parent, key, place.name)
    return package.verify(place, signature.trusted(settings.home))


def _store(path: Path, settings: Settings) -> Plugin:
    """Return the plugin of a package file: verified, then copied into the store, then verified there."""
    trusted = signature.trusted(settings.home)
    package.verify(path, trusted)
    held = package.read(path)
    place = _place(settings, held, signature.signer_of(held.signature))
    if not place.exists():
        _refuse(check.content(held.manifest, held.files))
        write_atomic(place, path.read_bytes())
    return package.verify(place, trusted)


def _place(settings: Settings, held: Content, signer: str) -> Path:
    """Return where a package is kept; equal content of equal signers has one place."""
    name = f"{held.digest.removeprefix('sha256:')[:24]}-{signer[:8]}{package.ENDING}"
    return _root(settings) / held.manifest.id / held.manifest.version / name


def _point(plugin: Plugin, clock: Clock) -> None:
    """Let `ID@VERSION` mean this package."""
    pointer = plugin.package.parent / "current.json"
    if not pointer.exists() or read_json(pointer)["package"] != plugin.package.name:
        write_json(pointer, {"package": plugin.package.name, "digest": plugin.digest, "since": iso(clock())})


def _refuse(found: list[Finding]) -> None:
    if wrong := errors(found):
        raise RequestError(
            "\n".join(f"{finding.place}: {finding.message}" for finding in wrong),
            left=LEFT,
            remedy="correct the plugin; `plugin.check PATH` shows what is left",
        )


def _examples() -> dict[Path, Manifest]:
    """Return the shipped plugins, by folder; one that cannot be read is told when it is named by its path."""
    read = ((path.parent, manifest.check(path.parent)[1]) for path in sorted(EXAMPLES.glob(f"*/{manifest.NAME}")))
    return {folder: described for folder, described in read if described is not None}


def _root(settings: Settings) -> Path:
    return settings.home / "plugins"


def _by_version(version: str) -> Any:
    import semver

    return semver.Version.parse(version)


def _dependency(message: str, mark: str) -> Finding:
    return Finding("error", message, manifest.NAME, mark)
