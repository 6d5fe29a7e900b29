"""Which payloads are understood, and that of all others nothing is guessed."""

from pathlib import Path

import pytest
from sessions_payloads import PYTHON, command, payload

from sandbox_suite.sessions.library import Library
from sandbox_suite.sessions.payload import Payload, recognised


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return payload(tmp_path_factory.mktemp("payload"))


def read(argv: list[str], data: bytes) -> Payload | None:
    return recognised(argv, data, Library())


def test_ansibles_own_payload_is_understood(data: bytes) -> None:
    found = read(command("A='b \"c' B='' "), data)
    assert found
    assert found.python == PYTHON
    assert found.env == {"A": 'b "c', "B": ""}
    assert found.call["module_fqn"] == "ansible.legacy.own"
    assert b'"text": "t\\u00e4xt"' in found.call["json_params"]
    names = {key[0] for key in found.files}
    assert {"ansible.legacy.own", "ansible.module_utils.basic", "ansible"} <= names


@pytest.mark.parametrize(
    "argv",
    [
        command("PATH=/bin "),
        command("TZ=UTC "),
        command("LC_ALL=C "),
        command("PYTHONPATH=/x "),
        command("A=$HOME "),
        command("A=b; "),
        command(python="/usr/bin/env python3"),
        command(python="/usr/bin/ruby"),
        command(python="python3"),
        ["/bin/bash", "-c", f"{PYTHON} && sleep 0"],
        ["/bin/sh", "-c", PYTHON],
        ["/bin/sh", "-c", f"{PYTHON} -O && sleep 0"],
        ["/bin/sh", "-c", f"'{PYTHON} && sleep 0"],
        [PYTHON],
    ],
)
def test_other_commands_and_variables_that_count_at_a_start_run_cold(argv: list[str], data: bytes) -> None:
    assert read(argv, data) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"rlimit_nofile=0", b"rlimit_nofile=9"),
        (b"extensions={}", b"extensions={'x': {}}"),
        (b"profile=", b"shape="),
        (b"\nprofile=", b"\nextra=1,\nprofile="),
        (b"params='", b"params=f'"),
        (b"params='", b"params='a'+'"),
        (b"zip_data='UEsD", b"zip_data='AAAA"),
        (b"zip_data='UEsD", b"zip_data='?"),
        (b'_ansible_tracebacks_for": []', b'_ansible_tracebacks_for": ["error"]'),
        (b"    _ansiballz_main(\n", b"    _ansiballz_main (\n"),
        (b"\n)\n", b"\n)\nprint(1)\n"),
    ],
)
def test_payloads_of_another_shape_run_cold(old: bytes, new: bytes, data: bytes) -> None:
    head, found, tail = data.rpartition(old)
    assert found
    assert read(command(), head + new + tail) is None


def test_anything_else_as_input_runs_cold(data: bytes) -> None:
    for other in (b"", b"print(1)\n", data[:-40], data[: len(data) // 2], b"\xff" + data[-60:]):
        assert read(command(), other) is None


def test_what_all_payloads_have_in_common_is_kept_for_the_next_holder(data: bytes, tmp_path: Path) -> None:
    library = Library(tmp_path / "store")
    assert library.usual() == ()
    for one in (data, payload(tmp_path, name="other")):
        assert recognised(command(), one, library)
    library.save()
    again = Library(tmp_path / "store")
    assert again.usual() == library.usual()
    names = {key[0] for key in again.usual()}
    assert "ansible.module_utils.basic" in names
    assert not names & {"ansible.legacy.own", "ansible.legacy.other"}
    assert again.code(again.usual()[-1]) == library.code(again.usual()[-1])


def test_what_was_kept_of_another_ansible_or_is_broken_is_not_used(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = Library(tmp_path / "store")
    assert recognised(command(), data, library)
    library.save()
    with monkeypatch.context() as patch:
        patch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
        assert Library(tmp_path / "store").usual() == ()
    (tmp_path / "store").write_bytes((tmp_path / "store").read_bytes()[:-9])
    assert Library(tmp_path / "store").usual() == ()


def test_modules_that_start_anew_run_cold(tmp_path: Path) -> None:
    body = "from ansible.module_utils.common.respawn import has_respawned"
    assert read(command(), payload(tmp_path, body)) is None
