"""What keeps the repository honest: README, tasks, roles, playbooks and documents agree with each other."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from invoke.collection import Collection

from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.jobs.model import MOVES, State
from sandbox_suite.tasks import namespace


def tasks() -> dict[str, object]:
    collection: Collection = namespace.build()
    return {name: collection[name] for name in collection.task_names}


ROLES = sorted(path for path in (CHECKOUT / "roles").iterdir() if path.is_dir())
PLAYBOOKS = sorted((CHECKOUT / "playbooks").glob("*.yml"))
TRACKED = subprocess.run(["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.parametrize("name", sorted(tasks()))
def test_every_task_has_a_sentence_and_help_for_each_option(name: str) -> None:
    task = tasks()[name]
    assert (task.__doc__ or "").strip().endswith("."), name
    missing = [argument.name for argument in task.get_arguments() if not argument.help]  # type: ignore[attr-defined]
    assert not missing, f"{name}: no help for {missing}"


@pytest.mark.parametrize("name", sorted(tasks()))
def test_every_task_is_in_the_reference(name: str) -> None:
    assert f"`{name}`" in (CHECKOUT / "docs" / "reference" / "tasks.md").read_text()


def test_what_the_readme_tells_to_type_exists() -> None:
    known = set(tasks())
    text = (CHECKOUT / "README.md").read_text()
    named = {match[1] for match in re.finditer(r"\./invoke ([a-z]+(?:\.[a-z-]+)?)", text)}
    assert named <= known, named - known
    assert {"sandbox.run", "test"} <= named


def test_links_in_documents_lead_somewhere() -> None:
    for page in [CHECKOUT / "README.md", *(CHECKOUT / "docs").rglob("*.md"), *(CHECKOUT / "playbooks").glob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_every_role_has_a_readme_and_a_contract(role: Path) -> None:
    assert (role / "README.md").read_text().strip()
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())
    assert specs["argument_specs"]


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda path: path.name)
def test_every_playbook_is_in_the_table(playbook: Path) -> None:
    assert playbook.name in (CHECKOUT / "playbooks" / "README.md").read_text()


def test_every_state_of_a_job_has_its_moves() -> None:
    assert set(MOVES) == set(State)


def test_locks_name_no_index() -> None:
    for lock in (path for path in TRACKED if path.endswith((".lock", "go.sum"))):
        assert "://" not in (CHECKOUT / lock).read_text(), lock


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = sorted(int(path.name[:4]) for path in (CHECKOUT / "docs" / "decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_documents_that_code_names_exist() -> None:
    for name in (
        name for name in TRACKED if name.endswith((".py", ".yaml", ".yml", ".toml")) or name in ("invoke", ".ci/run")
    ):
        for page in re.findall(r"docs/[\w/-]+\.md", (CHECKOUT / name).read_text()):
            assert (CHECKOUT / page).exists(), f"{name} names {page}"


def test_no_two_test_modules_share_a_name() -> None:
    names = [
        Path(name).name
        for name in TRACKED
        if re.fullmatch(r"tests/(unit|content|integration|e2e|chaos)/test_\w+\.py", name)
    ]
    assert len(names) == len(set(names)), "pytest would take one for the other"
