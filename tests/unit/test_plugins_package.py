"""The package: deterministic, signed, and refused where anything about it is not right."""

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_suite.core.errors import RequestError
from sandbox_suite.plugins import checksum, package, signature, tree

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
TRUSTED = signature.trusting([("the test", signature.public_key(KEY))])
MANIFEST = """\
# A comment that stays.
id: com.example.small
version: 1.0.0
runtime: {kind: process, entry: python3, args: [main.py]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    plugin = tmp_path / "small"
    (plugin / "bin").mkdir(parents=True)
    (plugin / "plugin.yaml").write_text(MANIFEST)
    (plugin / "main.py").write_text("print('hello')\n")
    (plugin / "bin" / "tool").write_text("#!/bin/sh\n")
    (plugin / "bin" / "tool").chmod(0o700)
    return plugin


def members(path: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(path) as archive:
        return archive.getmembers()


def rebuilt(path: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> Path:
    """Write the package again after `change` had its members."""
    with tarfile.open(path) as archive:
        held = [(member, archive.extractfile(member).read()) for member in archive]  # type: ignore[union-attr]
    change(held)
    changed = path.with_name("changed.pxp")
    with tarfile.open(changed, "w:gz") as archive:
        for member, data in held:
            member.size = len(data) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(data))
    return changed


def added(name: str, **facts: object) -> Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]:
    member = tarfile.TarInfo(name)
    member.mode = 0o644
    for key, value in facts.items():
        setattr(member, key, value)
    return lambda held: held.append((member, b"x"))


def test_the_same_folder_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    first = package.pack(folder, tmp_path / "a", KEY)
    os.utime(folder / "main.py", (0, 0))
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "main.pyc").write_bytes(b"cache")
    second = package.pack(folder, tmp_path / "b", KEY)
    assert first.path.name == "com.example.small-1.0.0.pxp"
    assert first.path.read_bytes() == second.path.read_bytes()


def test_a_packed_plugin_is_verified_and_says_who_signed_it(folder: Path, tmp_path: Path) -> None:
    packed = package.pack(folder, tmp_path, KEY)
    plugin = package.verify(packed.path, TRUSTED)
    assert (plugin.id, plugin.version, plugin.digest) == (packed.id, packed.version, packed.digest)
    assert plugin.digest == f"sha256:{plugin.manifest.checksums.package_sha256}"
    assert plugin.signer == f"the test ({packed.signer})"
    names = {member.name: member.mode for member in members(packed.path)}
    assert names == {"bin/tool": 0o755, "main.py": 0o644, "manifest.sig": 0o644, "plugin.yaml": 0o644}
    assert not (folder / "manifest.sig").exists(), "packing leaves the folder as it was"


def test_the_digest_is_the_contents_whoever_signs(folder: Path, tmp_path: Path) -> None:
    ours, theirs = (package.pack(folder, tmp_path / name, key) for name, key in (("a", KEY), ("b", OTHER_KEY)))
    assert ours.digest == theirs.digest
    (folder / "bin" / "tool").chmod(0o600)
    assert package.pack(folder, tmp_path / "c", KEY).digest != ours.digest, "whether a file is a program counts"


def test_packing_what_was_unpacked_gives_the_same_package(folder: Path, tmp_path: Path) -> None:
    first = package.pack(folder, tmp_path / "a", KEY)
    with tarfile.open(first.path) as archive:
        archive.extractall(tmp_path / "again", filter="data")
    assert package.pack(tmp_path / "again", tmp_path / "b", KEY).digest == first.digest


def test_a_changed_file_is_refused_by_its_hash(folder: Path, tmp_path: Path) -> None:
    packed = package.pack(folder, tmp_path, KEY)

    def change(held: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        held[:] = [(member, b"evil" if member.name == "main.py" else data) for member, data in held]

    with pytest.raises(RequestError, match="the manifest says"):
        package.verify(rebuilt(packed.path, change), TRUSTED)


def test_a_file_more_is_refused_by_the_hash(folder: Path, tmp_path: Path) -> None:
    packed = package.pack(folder, tmp_path, KEY)
    with pytest.raises(RequestError, match="the manifest says"):
        package.verify(rebuilt(packed.path, added("more.py")), TRUSTED)


def test_a_changed_manifest_is_refused_by_its_signature(folder: Path, tmp_path: Path) -> None:
    packed = package.pack(folder, tmp_path, KEY)

    def change(held: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        held[:] = [(member, data.replace(b"1.0.0", b"1.0.1")) for member, data in held]

    with pytest.raises(RequestError, match="does not fit the manifest"):
        package.verify(rebuilt(packed.path, change), TRUSTED)


def test_an_unknown_signer_is_refused_and_the_remedy_says_who_is_trusted(folder: Path, tmp_path: Path) -> None:
    packed = package.pack(folder, tmp_path, OTHER_KEY)
    with pytest.raises(RequestError, match="is not trusted") as caught:
        package.verify(packed.path, TRUSTED)
    assert "the test" in caught.value.explanation.remedy
    assert caught.value.explanation.left == "the plugin was not installed"


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"\xff", b'{"algorithm": "none"}', b'{"algorithm": "ed25519", "signer": 1}']
)
def test_a_malformed_signature_is_refused(text: bytes) -> None:
    with pytest.raises(RequestError, match=r"manifest\.sig"):
        signature.verify(b"manifest", text, TRUSTED)


def test_a_missing_signature_is_refused(folder: Path, tmp_path: Path) -> None:
    packed = package.pack(folder, tmp_path, KEY)

    def change(held: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        held[:] = [item for item in held if item[0].name != "manifest.sig"]

    with pytest.raises(RequestError, match=r"manifest\.sig is missing"):
        package.verify(rebuilt(packed.path, change), TRUSTED)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (added("../outside"), "leads out"),
        (added("/etc/cron.d/x"), "leads out"),
        (added("a\\..\\b"), "leads out"),
        (added("a\nb"), "no file name"),
        (added("a//b"), "plain form"),
        (added("main.py"), "there twice"),
        (added("main.py/inner"), "a file and a folder"),
        (added("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "no plain file"),
        (added("hard", type=tarfile.LNKTYPE, linkname="main.py"), "no plain file"),
        (added("device", type=tarfile.CHRTYPE), "no plain file"),
        (added("pipe", type=tarfile.FIFOTYPE), "no plain file"),
        (added("root", mode=0o4755), "has the mode"),
    ],
)
def test_what_no_package_holds_is_refused(folder: Path, tmp_path: Path, change: Callable[..., None], told: str) -> None:
    packed = package.pack(folder, tmp_path, KEY)
    with pytest.raises(RequestError, match=told):
        package.verify(rebuilt(packed.path, change), TRUSTED)


def test_a_package_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(tree, "MAX_FILES", 10)
    bomb = tmp_path / "bomb.pxp"
    with gzip.open(bomb, "wb") as zipped, tarfile.open(fileobj=zipped, mode="w|") as archive:
        member = tarfile.TarInfo("zeros")
        member.size, member.mode = 64 << 20, 0o644
        archive.addfile(member, io.BytesIO(bytes(64 << 20)))
    with pytest.raises(RequestError, match=r"larger|unpacks to more"):
        package.read(bomb)


def test_many_small_files_are_too_many(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = package.pack(folder, tmp_path, KEY)
    monkeypatch.setattr(tree, "MAX_FILES", 2)
    with pytest.raises(RequestError, match="more than 2 files"):
        package.read(packed.path)
    with pytest.raises(RequestError, match="2 files"):
        package.content(folder)


@given(data=st.binary(max_size=200), zipped=st.booleans())
def test_no_bytes_make_anything_but_a_refusal(
    data: bytes, zipped: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.pxp"
    path.write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(RequestError):
        package.verify(path, TRUSTED)


@pytest.mark.parametrize("kind", ["link to a file", "link to a folder", "pipe", "set-user-id"])
def test_a_folder_with_more_than_plain_files_is_not_packed(folder: Path, tmp_path: Path, kind: str) -> None:
    odd = folder / "odd"
    if kind == "pipe":
        os.mkfifo(odd)
    elif kind == "set-user-id":
        odd.write_text("x")
        odd.chmod(0o4755)
    else:
        odd.symlink_to("/etc/passwd" if kind == "link to a file" else "/etc")
    with pytest.raises(RequestError, match="odd: is "):
        package.pack(folder, tmp_path / "out", KEY)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "written",
    [
        "",
        "checksums:\n",
        "checksums: null\nlast: 1\n",
        "checksums: {}\n",
        "checksums: {algorithm: sha256}\n",
        "checksums:\n  algorithm: sha256\nlast: 1\n",
        "checksums:\n  package_sha256:\n  algorithm: sha256\n",
        "checksums:\n  package_sha256: ''  # filled in\n",
        "checksums: {package_sha256: '', algorithm: sha256}\n",
        "text: |\n  the last key is a block",
        "name: 客户 # of two signs\nchecksums: {}\n",
    ],
)
def test_the_checksum_is_written_wherever_the_manifest_has_room(written: str) -> None:
    value = "ab" * 32
    stamped = checksum.stamp(MANIFEST + written, value)
    assert stamped.startswith(MANIFEST), "every other byte stays"
    assert checksum.stamp(stamped, value) == stamped


def test_a_manifest_in_json_takes_the_checksum_too() -> None:
    assert '"ab' not in (plain := '{"id": "com.example.a"}')
    assert checksum.stamp(plain, "ab" * 32).endswith('"id": "com.example.a"}')


def test_trusted_keys_come_from_pem_files_and_the_installation(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "author.pub").write_text(signature.public_pem(signature.public_key(OTHER_KEY)))
    assert [signer.label for signer in signature.trusted(tmp_path, keys).values()] == ["author"]
    own = signature.signing_key(tmp_path)
    assert signature.signing_key(tmp_path) == own
    assert (tmp_path / "secrets" / "plugin-signing").stat().st_mode & 0o777 == 0o600
    assert {signer.label for signer in signature.trusted(tmp_path, keys).values()} == {"author", "this installation"}
    (keys / "broken.pub").write_text("nothing")
    with pytest.raises(RequestError, match="no public key"):
        signature.trusted(tmp_path, keys)
