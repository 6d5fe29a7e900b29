"""Archives out of containers that nobody trusts."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from sandbox_suite.converge import collected
from sandbox_suite.core.redaction import Redactor


def packed(folder: Path, files: dict[str, bytes], **kinds: bytes) -> Path:
    path = folder / "report.tar"
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for name, kind in kinds.items():
            member = tarfile.TarInfo(f"results/{name}")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    return path


def test_files_are_unpacked_and_a_second_time_nothing_changes(tmp_path: Path) -> None:
    archive = packed(tmp_path, {"results/a.jsonl": b"{}\n", "logs/plugin.log": b"hello"})
    assert collected.unpack(archive, tmp_path / "out") == ["results/a.jsonl", "logs/plugin.log"]
    assert collected.unpack(archive, tmp_path / "out") == []
    assert (tmp_path / "out/logs/plugin.log").read_bytes() == b"hello"


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "results/../../x", "results/a/b", "other/x", "results/.x", "results/", "results/a\nb"]
)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(collected.RefusedError):
        collected.unpack(packed(tmp_path, {name: b""}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_anything_but_a_plain_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(collected.RefusedError):
        collected.unpack(packed(tmp_path, {}, link=kind), tmp_path / "out")


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collected, "MOST_FILES", 2)
    with pytest.raises(collected.RefusedError, match="more than 2 files"):
        collected.unpack(packed(tmp_path, {f"results/{n}": b"" for n in range(3)}), tmp_path / "out")


def test_garbage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.tar").write_bytes(b"garbage" * 500)
    with pytest.raises(collected.RefusedError):
        collected.unpack(tmp_path / "report.tar", tmp_path / "out")


def test_what_an_earlier_run_left_is_removed_from_owned_folders_only(tmp_path: Path) -> None:
    for name in ("results/old.jsonl", "logs/old.log"):
        (tmp_path / "out" / name).parent.mkdir(parents=True)
        (tmp_path / "out" / name).write_text("old")
    archive = packed(tmp_path, {"results/new.jsonl": b""})
    assert collected.unpack(archive, tmp_path / "out", ["results"]) == ["results/new.jsonl", "results/old.jsonl"]
    assert (tmp_path / "out/logs/old.log").exists()


def test_json_lines_stay_json_when_secrets_are_hidden_in_them() -> None:
    secret = 'pa"ss' + "word1"
    lines = [{"case": "a", "message": f"said {secret} \\ and password={secret}"}, {"case": "b"}]
    data = "\n".join(json.dumps(line) for line in lines).encode() + b"\nnot json: " + secret.encode() + b"\n"
    shown = collected.shown("results/a.jsonl", data, Redactor([secret])).split(b"\n")
    assert json.loads(shown[0])["case"] == "a"
    assert json.loads(shown[1]) == lines[1]
    assert secret.encode() not in b"".join(shown)
    assert shown[2] == b"not json: [redacted]"


def test_bytes_that_are_no_text_pass_unchanged() -> None:
    assert collected.shown("logs/x.log", b"\xff\xfe\x00", Redactor(["abcd"])) == b"\xff\xfe\x00"
