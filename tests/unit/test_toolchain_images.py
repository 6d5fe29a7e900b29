"""Names of images: by what they are made of."""

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from sandbox_suite.toolchain import builds, images


@pytest.fixture
def contexts(tmp_path: Path) -> Path:
    return Path(shutil.copytree(images.CONTEXTS, tmp_path / "images"))


def test_every_part_has_a_name_and_two_looks_agree(contexts: Path) -> None:
    assert images.references() == images.references(contexts)
    assert set(images.references()) == {"base", "database", "plugin", "runner"}


def test_a_changed_part_renames_itself_alone(contexts: Path) -> None:
    before = images.references(contexts)
    (contexts / "plugin" / "Dockerfile").write_text("FROM scratch\n")
    after = images.references(contexts)
    assert {part for part in before if before[part] != after[part]} == {"plugin"}


def test_a_changed_base_renames_everything_on_top_of_it(contexts: Path) -> None:
    before = images.references(contexts)
    (contexts / "base" / "install-packages").write_text("#!/bin/sh\n")
    after = images.references(contexts)
    assert not set(before.values()) & set(after.values())


def test_the_executable_bit_counts_and_compiled_files_do_not(contexts: Path) -> None:
    before = images.references(contexts)
    (contexts / "plugin" / "__pycache__").mkdir(exist_ok=True)
    (contexts / "plugin" / "__pycache__" / "confine.pyc").write_bytes(b"x")
    assert images.references(contexts) == before
    (contexts / "plugin" / "confine").chmod(0o644)
    assert images.references(contexts)["plugin"] != before["plugin"]


def test_a_file_moved_between_names_is_another_context(contexts: Path) -> None:
    before = images.references(contexts)["database"]
    (contexts / "database" / "initialise").rename(contexts / "database" / "initialize")
    assert images.references(contexts)["database"] != before


def test_the_archive_sent_to_the_engine_holds_the_context_and_nothing_of_this_machine() -> None:
    with tarfile.open(fileobj=io.BytesIO(builds.archive(images.CONTEXTS / "plugin"))) as archive:
        members = {member.name: member for member in archive}
    assert {"Dockerfile", "confine"} <= set(members)
    assert {(member.uid, member.mtime, member.uname) for member in members.values()} == {(0, 0, "")}
    assert members["confine"].mode == 0o755
    assert members["Dockerfile"].mode == 0o644
    assert builds.archive(images.CONTEXTS / "plugin") == builds.archive(images.CONTEXTS / "plugin")


def test_a_failed_step_is_told_with_the_lines_before_it() -> None:
    told: list[str] = []
    output = iter(
        [
            {"stream": "Step 1/2\n"},
            {"stream": "\x1b[91mno such package\n\x1b[0m"},
            {"error": "returned 100"},
            {"stream": "x"},
        ]
    )
    assert builds.follow(output, told.append) == "Step 1/2\nno such package\nreturned 100"
    assert told[-1] == "no such package"


def test_more_packages_of_the_runner_make_another_runner_alone_whatever_their_order(contexts: Path) -> None:
    plain, more = images.references(contexts, ""), images.references(contexts, "jq  openjdk-17-jre-headless")
    assert {part for part in plain if plain[part] != more[part]} == {"runner"}
    assert more == images.references(contexts, "openjdk-17-jre-headless jq")
