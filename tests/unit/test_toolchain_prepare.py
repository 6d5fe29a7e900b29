"""Looking at a machine and preparing it, where something is missing; no Docker engine is asked."""

import os
import re
import tomllib
from pathlib import Path

import pytest

from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import CHECKOUT, Settings, load
from sandbox_suite.toolchain import apt, look, prepare, pulumi_engine, pulumi_path, setup


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a machine with nothing: no engine behind DOCKER_HOST, an empty cache, an empty PATH."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    places = {"SANDBOX_HOME": str(tmp_path / "home"), "SANDBOX_CACHE": str(tmp_path / "cache")}
    return load(tmp_path / "none.yaml", places)


def never(settings: Settings) -> Settings:
    return Settings(**{**settings.__dict__, "setup": "never"})


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_each_missing_thing_is_named_with_its_remedy(bare: Settings) -> None:
    found = {item.name: item for item in look(bare)}
    assert not any(found[name].found for name in ("docker engine", "pulumi engine", "images", "go"))
    assert all(item.remedy for item in found.values() if not item.found)
    assert "DOCKER_HOST" in found["docker engine"].remedy


def test_set_up_that_is_forbidden_names_everything_at_once_and_touches_nothing(bare: Settings) -> None:
    with pytest.raises(InfrastructureError) as failure:
        prepare(never(bare), silent)
    said = failure.value.explanation
    assert all(name in said.what for name in setup.NEEDED)
    assert all(name in said.remedy for name in setup.NEEDED)
    assert not bare.home.exists()
    assert not bare.cache.exists()


def test_an_engine_that_DOCKER_HOST_names_is_never_replaced_by_one_of_ours(bare: Settings) -> None:
    with pytest.raises(InfrastructureError, match=r"nobody\.sock") as failure:
        prepare(bare, silent)
    assert "DOCKER_HOST" in failure.value.explanation.remedy


def test_a_full_disk_is_told_before_anything_is_made(bare: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "WORKING_BYTES", 1 << 62)
    with pytest.raises(InfrastructureError, match="is full"):
        prepare(bare, silent)
    assert not bare.home.exists()


def test_pulumi_on_path_is_used_when_it_is_of_our_version(bare: Settings, tmp_path: Path) -> None:
    ours = program(tmp_path / "bin" / "pulumi", f"echo v{pulumi_engine.version()}")
    assert pulumi_path(bare) == ours


def test_another_version_on_path_is_passed_over_for_our_copy(bare: Settings, tmp_path: Path) -> None:
    program(tmp_path / "bin" / "pulumi", "echo v3.1.0")
    with pytest.raises(InfrastructureError, match="is missing"):
        pulumi_path(bare)
    own = program(pulumi_engine.cached(bare), "echo never run")
    assert pulumi_path(bare) == own


def test_pulumi_on_path_is_asked_for_its_version_once_and_again_after_it_changed(
    bare: Settings, tmp_path: Path
) -> None:
    path, asked = tmp_path / "bin" / "pulumi", tmp_path / "asked"
    program(path, f"echo >>{asked}; echo v{pulumi_engine.version()}")
    pulumi_engine.remember(bare)
    pulumi_engine.remember(bare)
    assert pulumi_path(bare) == path
    assert len(asked.read_text().splitlines()) == 1
    program(path, "echo v3.1.0 for a change")
    with pytest.raises(InfrastructureError):
        pulumi_path(bare)


@pytest.mark.parametrize(
    ("go", "said"),
    [(None, "Go is not on PATH"), ("go1.21.3", r"Go 1\.21 is too old")],
    ids=["without Go", "with an old Go"],
)
def test_without_installer_and_go_one_message_says_what_to_do_and_nothing_half_made_stays(
    bare: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: str | None, said: str
) -> None:
    monkeypatch.setattr(pulumi_engine, "INSTALLER", "raise SystemExit('offline')")
    if go:
        program(tmp_path / "bin" / "go", f"echo {go}")
    with pytest.raises(InfrastructureError, match=said):
        pulumi_engine.prepare(bare, silent)
    assert list((bare.cache / "pulumi").iterdir()) == []


def test_a_failed_build_is_told_with_its_last_lines_and_what_a_kill_left_is_removed(
    bare: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi_engine, "INSTALLER", "raise SystemExit('offline')")
    (bare.cache / "pulumi" / ".new-killed").mkdir(parents=True)
    build = 'case $1 in env) echo go1.30.0 ;; *) echo "proxy: connection refused" >&2; exit 1 ;; esac'
    program(tmp_path / "bin" / "go", build)
    with pytest.raises(InfrastructureError, match="proxy: connection refused"):
        pulumi_engine.prepare(bare, silent)
    assert list((bare.cache / "pulumi").iterdir()) == []


def test_a_build_is_named_only_when_it_is_whole(
    bare: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi_engine, "INSTALLER", "raise SystemExit('offline')")
    make = 'while [ "$1" != -o ]; do shift; done; : >"$2" && /bin/chmod +x "$2"'
    build = f"case $1 in env) echo go1.30.0 ;; *) {make} ;; esac"
    program(tmp_path / "bin" / "go", build)
    assert pulumi_engine.prepare(bare, silent) == [f"pulumi {pulumi_engine.version()} (built)"]
    assert os.access(pulumi_path(bare), os.X_OK)
    assert pulumi_engine.prepare(bare, silent) == []


def test_engine_sdk_and_lock_are_of_one_version() -> None:
    dependencies = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert f"pulumi=={pulumi_engine.version()}" in dependencies
    assert f"\npulumi=={pulumi_engine.version()} " in (CHECKOUT / "requirements.lock").read_text()


def test_every_locked_package_has_hashes_and_no_index_is_named() -> None:
    lock = (CHECKOUT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=[a-z0-9])", lock)
    assert len(entries) > 50
    assert [entry for entry in entries[1:] if "--hash=sha256:" not in entry] == []
    assert "://" not in lock


@pytest.mark.skipif(os.geteuid() != 0, reason="apt is only used as root")
def test_apt_that_fails_is_told_with_its_last_lines_after_a_second_try(bare: Settings, tmp_path: Path) -> None:
    program(tmp_path / "bin" / "apt-get", f'echo "$*" >>{tmp_path}/asked; echo "E: no such package"; exit 100')
    with pytest.raises(InfrastructureError, match="E: no such package") as failure:
        apt.install(["thing"], silent, why="it is needed")
    assert "apt-get install thing" in failure.value.explanation.remedy
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [set(line.split()) & {"install", "update"} for line in asked] == [{"install"}, {"update"}, {"install"}]


def test_the_lock_holds_every_dependency_of_the_project() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    wanted = {re.split(r"[^A-Za-z0-9.-]", need)[0] for need in project["project"]["dependencies"]}
    wanted |= {re.split(r"[^A-Za-z0-9.-]", need)[0] for need in project["dependency-groups"]["dev"]}
    locked = set(re.findall(r"^([a-z0-9.-]+)==", (CHECKOUT / "requirements.lock").read_text(), re.MULTILINE))
    assert {name.lower() for name in wanted} - locked == set()
