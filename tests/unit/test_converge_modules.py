"""The modules of the roles, as far as they are plain functions: SQL, verifiers, packages."""

import base64
import hashlib
import importlib.util
import io
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from sandbox_suite.core.settings import CHECKOUT

UTILS = CHECKOUT / "src/sandbox_suite/converge/plugins/module_utils"


def loaded(path: Path, name: str = "") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name or path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def utils(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put our module_utils where Ansible puts them inside a container."""
    import ansible.module_utils

    for path in UTILS.glob("*.py"):
        module = loaded(path, f"ansible.module_utils.{path.stem}")
        monkeypatch.setitem(sys.modules, f"ansible.module_utils.{path.stem}", module)
        monkeypatch.setattr(ansible.module_utils, path.stem, module, raising=False)


def role(path: str) -> ModuleType:
    return loaded(CHECKOUT / "roles" / path)


def test_a_verifier_is_the_one_of_the_published_example() -> None:
    # RFC 7677, section 3: user, pencil; its salt is not a hash, so it is set from outside.
    module = role("plugin_deploy/filter_plugins/scram.py")
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")

    class Fixed:
        @staticmethod
        def sha256(data: bytes) -> object:
            return type("Digest", (), {"digest": lambda self: salt})() if data == b"salt" else hashlib.sha256(data)

        pbkdf2_hmac = staticmethod(hashlib.pbkdf2_hmac)

    module.hashlib = Fixed
    assert module.scram_verifier("pencil", "salt") == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
        "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_the_same_salt_gives_the_same_verifier_and_another_another() -> None:
    made = role("plugin_deploy/filter_plugins/scram.py").scram_verifier
    assert made("p", "a") == made("p", "a") != made("p", "b")


def test_names_and_texts_are_quoted_in_sql() -> None:
    module = role("plugin_deploy/library/plugin_database.py")
    sql = module.statements({"role": False}, "sandbox", 'r"o', "s", "it's")
    assert 'CREATE ROLE "r""o" WITH LOGIN NOSUPERUSER' in sql
    assert "PASSWORD 'it''s'" in sql


def test_a_role_that_stands_is_altered() -> None:
    sql = role("plugin_deploy/library/plugin_database.py").statements({"role": True}, "d", "r", "s", "v")
    assert sql.startswith('ALTER ROLE "r"')


@pytest.mark.parametrize("name", ["", "n" * 64, "é" * 32, "a\0b"])
def test_a_name_that_postgresql_would_cut_is_refused(name: str) -> None:
    module = loaded(UTILS / "sandbox_psql.py")
    with pytest.raises(module.PsqlError):
        module.identifier(name)


def test_rights_are_brought_to_exactly_those_wanted() -> None:
    module = role("dataset_load/library/dataset_grant.py")
    wanted, held = module.pairs({"a": ["SELECT"], "b": ["select", "insert"]}), {("b", "select"), ("c", "delete")}
    assert module.statements("d", "r", wanted, held, usage=True) == [
        'REVOKE delete ON "d"."c" FROM "r";',
        'GRANT select ON "d"."a" TO "r";',
        'GRANT insert ON "d"."b" TO "r";',
    ]
    assert module.statements("d", "r", held, held, usage=True) == []


def test_proofs_and_the_writers_of_the_rows_are_one_query() -> None:
    module = role("dataset_load/library/dataset_proof.py")
    assert module.query("d", [{"table": "a", "sql": "SELECT 1; "}, {"table": "b", "sql": "SELECT 2"}]) == (
        "SELECT json_build_array(json_build_array((SELECT 1)::text, (SELECT 2)::text), json_build_array("
        """(SELECT string_agg(DISTINCT xmin::text, ',') FROM ONLY "d"."a"), """
        """(SELECT string_agg(DISTINCT xmin::text, ',') FROM ONLY "d"."b")))"""
    )


def package(folder: Path, files: dict[str, tuple[int, bytes]], kind: bytes = tarfile.REGTYPE) -> Path:
    path = folder / "plugin.pxp"
    with tarfile.open(path, "w:gz") as tar:
        for name, (mode, data) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.type = len(data), mode, kind
            tar.addfile(member, io.BytesIO(data))
    return path


def test_a_package_is_unpacked_whole_with_its_executables(tmp_path: Path) -> None:
    module = role("plugin_deploy/library/plugin_package.py")
    made = package(tmp_path, {"plugin.yaml": (0o644, b"id: x"), "bin/run": (0o755, b"#!/bin/sh")})
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/old").write_text("of another version")
    module.unpack(str(made), str(tmp_path / "folder"))
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["bin", "plugin.yaml"]
    assert (tmp_path / "folder/bin/run").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x"])
def test_a_package_that_reaches_outside_is_refused(tmp_path: Path, name: str) -> None:
    module = role("plugin_deploy/library/plugin_package.py")
    with pytest.raises(module.RefusedError):
        module.unpack(str(package(tmp_path, {name: (0o644, b"")})), str(tmp_path / "in/folder"))
    assert not (tmp_path / "x").exists()


def test_a_link_in_a_package_is_refused(tmp_path: Path) -> None:
    module = role("plugin_deploy/library/plugin_package.py")
    with pytest.raises(module.RefusedError):
        module.unpack(str(package(tmp_path, {"x": (0o644, b"")}, tarfile.SYMTYPE)), str(tmp_path / "folder"))


def test_a_program_is_a_file_of_the_plugin_where_there_is_one(tmp_path: Path) -> None:
    module = loaded(UTILS / "sandbox_command.py")
    (tmp_path / "run").write_text("")
    assert module.resolved(["run", "-v"], str(tmp_path)) == [str(tmp_path / "run"), "-v"]
    assert module.resolved(["python3", "run"], str(tmp_path)) == ["python3", "run"]


def test_a_state_of_a_process_that_is_gone_is_not_believed(tmp_path: Path) -> None:
    module = loaded(UTILS / "sandbox_command.py")
    import json
    import os

    state = tmp_path / "process.json"
    state.write_text(json.dumps({"pid": os.getpid(), "birth": module.birth(os.getpid())}))
    assert module.remembered(str(state))
    state.write_text(json.dumps({"pid": os.getpid(), "birth": 1}))
    assert module.remembered(str(state)) is None


def test_counters_of_both_kinds_of_control_groups_are_read(tmp_path: Path) -> None:
    module = role("report_collect/library/report_fetch.py")
    assert module.counter(str(tmp_path), module.COUNTERS["cpu_us"]) is None
    (tmp_path / "cpuacct").mkdir()
    (tmp_path / "cpuacct/cpuacct.usage").write_text("5000000\n")
    assert module.counter(str(tmp_path), module.COUNTERS["cpu_us"]) == 5000
    (tmp_path / "cpu.stat").write_text("usage_usec 77\nuser_usec 1\n")
    assert module.counter(str(tmp_path), module.COUNTERS["cpu_us"]) == 77


def test_a_database_that_is_still_starting_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    psql = tmp_path / "psql"
    psql.write_text(f'#!/bin/sh\necho x >>{tmp_path}/asked\n[ "$(wc -l <{tmp_path}/asked)" -ge 3 ] || exit 2\necho 7\n')
    psql.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert loaded(UTILS / "sandbox_psql.py").value("sandbox", "SELECT 7") == 7
    assert len((tmp_path / "asked").read_text().splitlines()) == 3
