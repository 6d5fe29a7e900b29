"""Every role says what it does, in one place, and the playbooks are all in their table."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sandbox_suite.core.settings import CHECKOUT

ROLES = sorted(path for path in (CHECKOUT / "roles").iterdir() if path.is_dir())


def options(role: Path) -> dict[str, dict[str, object]]:
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
    return {name: option for spec in specs.values() for name, option in spec["options"].items()}


def test_the_readmes_are_those_that_the_specs_give() -> None:
    done = subprocess.run(
        [sys.executable, CHECKOUT / "scripts/role-readmes", "--check"], capture_output=True, text=True
    )
    assert done.stdout == ""


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_defaults_are_those_that_the_spec_tells(role: Path) -> None:
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text()) or {}
    told = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert {name: value for name, value in defaults.items() if name in told} == told
    assert defaults.keys() <= options(role).keys()
    assert all(name.startswith(role.name) for name in options(role))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_no_role_becomes_another_user(role: Path) -> None:
    for file in role.rglob("*.yml"):
        assert "become: true" not in file.read_text(), file


def test_every_playbook_is_in_the_table() -> None:
    table = (CHECKOUT / "playbooks/README.md").read_text()
    assert [path.name for path in (CHECKOUT / "playbooks").glob("*.yml") if f"`{path.name}`" not in table] == []
