"""dataset.import, as the command line calls it: options, what is printed, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox_suite.core.settings import CHECKOUT

PEOPLE = "id,email,zip\n1,anna@mail.example,01067\n2,,99999\n"
VISITS = "visit_id,person_id,cost\n10,1,1.5\n11,2,2\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "clinic"
    place.mkdir()
    (place / "people.csv").write_text(PEOPLE)
    (place / "visits.csv").write_text(VISITS)
    return place


def invoke(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SANDBOX_HOME": str(tmp_path / "home"), "PYTHONPATH": str(CHECKOUT / "src")}
    command = [sys.executable, "-m", "sandbox_suite.tasks", *arguments]
    return subprocess.run(command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, check=False)


def test_an_import_prints_types_and_which_keys_were_discovered(tmp_path: Path, folder: Path) -> None:
    options = ("--name", "clinic@1", "--from", str(folder), "--type", "visits.cost=text", "--type=people.zip=text")
    done = invoke(tmp_path, "dataset.import", *options)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["people:", "2", "rows,", "primary", "key", "id", "(discovered)"] in lines
    assert ["person_id", "int64", "->", "people.id", "(discovered)"] in lines
    assert ["cost", "string"] in lines
    assert "anna" not in done.stdout + done.stderr
    again = invoke(tmp_path, "dataset.import", *options)
    assert (again.returncode, "is stored already with this content" in again.stdout) == (0, True)
    shown = json.loads(invoke(tmp_path, "dataset.show", "--name", "clinic@1", "--json").stdout)
    assert (shown["state"], shown["tables"]["visits"]["foreign_keys"]) == ("raw", {"person_id": "people.id"})


def test_json_of_a_dry_run_is_one_document_and_stores_nothing(tmp_path: Path, folder: Path) -> None:
    options = ("--name", "clinic@1", "--from", str(folder), "--key", "visits=person_id,visit_id", "--dry-run", "--json")
    done = json.loads(invoke(tmp_path, "dataset.import", *options).stdout)
    assert (done["outcome"], done["rows"], done["version"]) == ("dry run", 4, "")
    assert done["tables"]["visits"]["primary_key"] == ["person_id", "visit_id"]
    listed = json.loads(invoke(tmp_path, "dataset.list", "--json").stdout)["datasets"]
    assert "clinic@1" not in {row["reference"] for row in listed}


def test_what_is_wrong_ends_with_2_and_says_what_to_do(tmp_path: Path, folder: Path) -> None:
    (folder / "visits.csv").write_text("visit_id,visit_id\n")
    (folder / "people.csv").write_bytes(b"id,name\n1,\xff\n")
    done = invoke(tmp_path, "dataset.import", "--name", "clinic@1", "--from", str(folder))
    assert done.returncode == 2
    for said in ("people.csv: cannot be read: line 2", "visits.csv: column `visit_id`", "nothing was stored", "hint: "):
        assert said in done.stderr
    assert invoke(tmp_path, "dataset.import", "--name=x@1", f"--from={folder}", "--key=people").returncode == 2


def test_the_task_module_imports_nothing_heavy() -> None:
    script = (
        "import sys, sandbox_suite.tasks.dataset_import;"
        " print({'pydantic', 'polars', 'pyarrow', 'docker', 'fsspec', 'psycopg', 'numpy'} & set(sys.modules))"
    )
    environment = {"PYTHONPATH": str(CHECKOUT / "src")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
