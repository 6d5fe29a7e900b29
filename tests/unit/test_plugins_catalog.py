"""From what a user names to a verified plugin."""

import datetime
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox_suite.core import settings as settings_module
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.settings import Settings
from sandbox_suite.plugins import catalog, manifest, package, signature

PYTHON = "com.powerx.plugins.customer-desk@1.2.0"


def clock() -> datetime.datetime:
    return datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return replace(settings_module.settings(), home=tmp_path / "home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped plugin under an id of its own."""
    copy = tmp_path / "desk"
    shutil.copytree(catalog.EXAMPLES / "customer-desk-python", copy)
    change(copy, "id: com.powerx.plugins.customer-desk", "id: com.example.desk")
    return copy


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "plugin.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def files(home: Path) -> list[str]:
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()) if home.exists() else []


@pytest.mark.parametrize("reference", [PYTHON, "com.powerx.plugins.customer-desk-node@1.2.0"])
def test_the_shipped_examples_need_no_installing(settings: Settings, reference: str) -> None:
    plugin = catalog.resolve(reference, settings, clock)
    assert f"{plugin.id}@{plugin.version}" == reference
    assert plugin.package.is_relative_to(settings.home / "plugins")
    assert plugin.signer.startswith("this installation (")


def test_a_folder_is_packed_once_for_each_content(settings: Settings, folder: Path) -> None:
    first = catalog.resolve(str(folder), settings, clock)
    before = files(settings.home)
    assert catalog.resolve(str(folder), settings, clock) == first
    assert files(settings.home) == before
    (folder / "backend" / "more.py").write_text("MORE = 1\n")
    second = catalog.resolve(str(folder), settings, clock)
    assert second.digest != first.digest
    assert first.package.exists()


def test_an_id_and_version_mean_the_package_file_that_was_named_last_never_a_folder(
    settings: Settings, folder: Path, tmp_path: Path
) -> None:
    catalog.resolve(str(folder), settings, clock)
    with pytest.raises(RequestError, match="not known"):
        catalog.resolve("com.example.desk@1.2.0", settings, clock)
    packed = package.pack(folder, tmp_path / "out", signature.signing_key(settings.home))
    first = catalog.resolve(str(packed.path), settings, clock)
    (folder / "README.md").write_text("more\n")
    assert catalog.resolve(str(folder), settings, clock).digest != first.digest
    assert catalog.resolve("com.example.desk@1.2.0", settings, clock) == first
    assert catalog.installed(settings)["com.example.desk"] == ("1.2.0",)


def test_a_package_of_a_trusted_author_is_stored_and_another_refused(
    settings: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = bytes(range(32))
    packed = package.pack(folder, tmp_path / "out", key)
    with pytest.raises(RequestError, match="is not trusted"):
        catalog.resolve(str(packed.path), settings, clock)
    assert files(settings.home) == []
    author = signature.trusting([("author", signature.public_key(key))])
    monkeypatch.setattr(signature, "trusted", lambda home: author)
    plugin = catalog.resolve(str(packed.path), settings, clock)
    packed.path.unlink()
    assert catalog.resolve("com.example.desk@1.2.0", settings, clock) == plugin
    assert plugin.signer.startswith("author (")


def test_a_stored_package_that_was_touched_is_refused(settings: Settings, folder: Path) -> None:
    plugin = catalog.resolve(str(folder), settings, clock)
    plugin.package.write_bytes(plugin.package.read_bytes()[:-20])
    with pytest.raises(RequestError, match="cannot be read as a package"):
        catalog.resolve(str(folder), settings, clock)


def test_a_look_writes_nothing_and_tells_the_same_digest(settings: Settings, folder: Path) -> None:
    findings, facts = catalog.look(str(folder), settings)
    assert facts is not None
    assert (findings, facts.source, facts.signer) == ([], "folder", "")
    assert files(settings.home) == []
    assert catalog.resolve(str(folder), settings, clock).digest == facts.digest


def test_a_look_at_a_broken_manifest_tells_every_mistake(settings: Settings, folder: Path) -> None:
    change(folder, "version: 1.2.0", "version: one")
    change(folder, "kind: process", "kind: magic")
    findings, facts = catalog.look(str(folder), settings)
    assert facts is None
    assert [finding.message.split(": ")[1] for finding in findings] == ["version", "runtime.kind"]
    with pytest.raises(RequestError):
        catalog.resolve(str(folder), settings, clock)
    assert files(settings.home) == []


def test_a_plugin_with_a_secret_in_it_is_not_packed(settings: Settings, folder: Path) -> None:
    (folder / ".env").write_text("A=1\n")
    with pytest.raises(RequestError, match="hold secrets"):
        catalog.resolve(str(folder), settings, clock)
    assert not (settings.home / "plugins").exists()


@pytest.mark.parametrize(
    "reference", ["", "nope", "com.example.nope@1.0.0", "../../etc@1", "com.example.desk", "a b@c"]
)
def test_what_is_not_known_is_told_with_what_is(settings: Settings, reference: str) -> None:
    findings, facts = catalog.look(reference, settings)
    assert facts is None
    assert len(findings) >= 1
    if reference:
        with pytest.raises(RequestError) as caught:
            catalog.resolve(reference, settings, clock)
        assert PYTHON in caught.value.explanation.remedy


def test_two_at_once_get_the_same_package(settings: Settings, folder: Path) -> None:
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(catalog.resolve(str(folder), settings, clock))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len({(plugin.digest, plugin.package, plugin.signer) for plugin in found}) == 1


def described(dependencies: str) -> manifest.Manifest:
    text = "id: com.x.self\nversion: 1.0.0\nruntime: {kind: process, entry: python3}\n"
    return manifest.parse(f"{text}dependencies: {dependencies}\n")


def test_requirements_and_conflicts_are_compared_with_what_is_there() -> None:
    wanted = described('{requires: ["com.x.a >=2.0.0", com.x.b, com.x.c], conflicts: ["com.x.c <2.0.0", com.x.d]}')
    found = catalog.dependencies(wanted, {"com.x.a": ("1.0.0", "1.9.0"), "com.x.c": ("1.5.0",)})
    assert [(finding.id, finding.message) for finding in found] == [
        (
            "plugin-requirement-missing",
            "dependencies.requires: `com.x.a >=2.0.0` is needed, only 1.0.0, 1.9.0 is there",
        ),
        ("plugin-requirement-missing", "dependencies.requires: `com.x.b` is needed, it is not there"),
        ("plugin-conflict", "dependencies.conflicts: `com.x.c <2.0.0` is there (1.5.0)"),
    ]


def test_a_look_tells_of_missing_requirements(settings: Settings, folder: Path) -> None:
    change(folder, "requires: []", "requires: [com.example.base >=0.5.0]")
    assert [finding.id for finding in catalog.look(str(folder), settings)[0]] == ["plugin-requirement-missing"]
