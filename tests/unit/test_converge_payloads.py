"""Packed modules are kept until a file of a module changes, and no longer than they are of use."""

import os
import time
from pathlib import Path

import pytest

from sandbox_suite.converge import payloads


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    checkout = tmp_path / "checkout"
    for folder in ("roles/one/library", "roles/one/tasks", "playbooks", payloads.PLUGINS + "/module_utils"):
        (checkout / folder).mkdir(parents=True)
    (checkout / "roles/one/library/module.py").write_text("one")
    (checkout / payloads.PLUGINS / "module_utils/shared.py").write_text("shared")
    monkeypatch.setattr(payloads, "CHECKOUT", checkout)
    return checkout


def test_the_place_changes_with_every_module_file_and_with_nothing_else(checkout: Path, tmp_path: Path) -> None:
    playbook = checkout / "playbooks/play.yml"
    seen = [payloads.folder(tmp_path, playbook)]
    (checkout / "roles/one/tasks/main.yml").write_text("[]")
    assert payloads.folder(tmp_path, playbook) == seen[0]
    for change in (f"{payloads.PLUGINS}/module_utils/shared.py", "roles/one/library/new.py"):
        (checkout / change).write_text("other text")
        seen.append(payloads.folder(tmp_path, playbook))
    (checkout / "roles/one/library/new.py").unlink()
    seen.append(payloads.folder(tmp_path, checkout / "playbooks/another.yml"))
    assert len(set(seen)) == 4


def test_it_is_for_its_owner_only(checkout: Path, tmp_path: Path) -> None:
    assert payloads.folder(tmp_path, checkout / "playbooks/play.yml").stat().st_mode & 0o777 == 0o700


def test_what_was_begun_more_than_a_day_before_is_removed_with_the_next_change(checkout: Path, tmp_path: Path) -> None:
    playbook = checkout / "playbooks/play.yml"
    old = payloads.folder(tmp_path, playbook)
    recent = payloads.folder(tmp_path, checkout / "playbooks/another.yml")
    before = time.time() - payloads.DAY - 60
    os.utime(old, (before, before))
    (checkout / "roles/one/library/module.py").write_text("changed")
    payloads.folder(tmp_path, playbook)
    assert not old.exists()
    assert recent.exists()
