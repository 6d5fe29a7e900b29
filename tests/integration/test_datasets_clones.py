"""Clones of golden volumes on a real engine: sharing blocks where the file system can, each sandbox's own."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.progress import silent
from sandbox_suite.datasets import golden, golden_images, proof
from sandbox_suite.datasets.golden import Backend, Golden
from sandbox_suite.datasets.store import Attested, Store
from sandbox_suite.engine import identity
from sandbox_suite.engine.labels import INSTALLATION
from sandbox_suite.postgres.inside import Psql
from tests.integration.datasets_attested import LABELS, database_image, engine, odd_tables, one_row, started

pytestmark = pytest.mark.docker
MEBIBYTES = 400  # of a file system in a file; sparse


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with engine() as made:
        yield made


@pytest.fixture(scope="module")
def image() -> str:
    return database_image()


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Attested:
    return odd_tables(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def copied(client: Any, image: str, odd: Attested, tmp_path_factory: pytest.TempPathFactory) -> Golden:
    """A golden volume whose clones are plain copies."""
    return golden.ensure(odd, image, client, silent, tmp_path_factory.mktemp("locks"), LABELS, "copy")


def digests(psql: Psql, attested: Attested) -> dict[str, str]:
    return {name: psql.run(query).strip() for name, query in proof.sql(attested.manifest).items()}


def told(attested: Attested) -> dict[str, str]:
    return {name: table["content_digest"] for name, table in attested.manifest["tables"].items()}


def test_a_sandbox_writes_into_its_own_clone_alone(client: Any, odd: Attested, copied: Golden) -> None:
    for name in ("one", "two"):
        golden.clone(copied, client, f"{copied.volume}-{name}", LABELS)
    with started(client, copied.image, f"{copied.volume}-one") as one:
        assert digests(one, odd) == told(odd)
        one.run("UPDATE dataset.odd SET text = 'of one'; CHECKPOINT")
        with started(client, copied.image, f"{copied.volume}-two") as two:
            assert digests(two, odd) == told(odd)
    golden.clone(copied, client, f"{copied.volume}-three", LABELS)
    with started(client, copied.image, f"{copied.volume}-three") as three:
        assert digests(three, odd) == told(odd), "the golden database is as it was"


def test_a_clone_that_was_written_to_stays_when_it_is_asked_for_again(client: Any, copied: Golden) -> None:
    volume = f"{copied.volume}-again"
    golden.clone(copied, client, volume, LABELS)
    with started(client, copied.image, volume) as psql:
        psql.run("CREATE TABLE public.kept (id int)")
        psql.run("CHECKPOINT")
    golden.clone(copied, client, volume, LABELS)
    with started(client, copied.image, volume) as psql:
        assert psql.run("SELECT count(*) FROM public.kept").strip() == "0"


def test_a_clone_that_was_cut_short_is_made_anew(client: Any, odd: Attested, copied: Golden) -> None:
    volume = f"{copied.volume}-cut"
    client.create_volume(volume, labels=LABELS)
    cut = "mkdir /data/run/pg.new && echo half >/data/run/pg.new/PG_VERSION"
    left = client.create_container(
        copied.image,
        ["sh", "-c", f"{cut} && sleep 600"],
        name=f"{volume}-clone",
        host_config=client.create_host_config(binds=[f"{volume}:/data/run"], init=True),
    )
    client.start(left)  # as a cloner that a killed worker left at work
    golden.clone(copied, client, volume, LABELS)
    with started(client, copied.image, volume) as psql:
        assert digests(psql, odd) == told(odd)


def test_a_golden_volume_that_was_replaced_by_hand_is_built_anew(client: Any, image: str, tmp_path: Path) -> None:
    new = one_row(tmp_path, "replaced")
    made = golden.ensure(new, image, client, silent, tmp_path, LABELS, "copy")
    client.remove_volume(made.volume)
    time.sleep(1.1)  # the engine tells a volume's birth by the second
    client.create_volume(made.volume, labels={golden.OWNER: LABELS[INSTALLATION]})
    said: list[str] = []
    assert golden.ensure(new, image, client, said.append, tmp_path, LABELS, "copy") == made
    golden.clone(made, client, f"{made.volume}-own", LABELS)
    with started(client, image, f"{made.volume}-own") as psql:
        assert digests(psql, new) == told(new)


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder on a file system of the kind asked for, in a file of this machine."""
    made = mounted(tmp_path, request.param)
    yield made
    subprocess.run(["umount", made], check=True)


def mounted(folder: Path, kind: str) -> Path:
    """Mount a new file system; skip, with the reason, where this machine cannot."""
    if os.geteuid():
        pytest.skip("only root mounts file systems")
    disk, place = folder / "disk", folder / "mounted"
    with disk.open("wb") as file:
        file.truncate(MEBIBYTES << 20)
    place.mkdir()
    for command in ([f"mkfs.{kind}", "-q", str(disk)], ["mount", "-o", "loop", str(disk), str(place)]):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip(f"{command[0]} is not installed")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"{command[0]}: {error.stderr.strip()}")
    return place


def taken(place: Path) -> int:
    """Return the bytes that a file system has given away."""
    os.sync()
    found = os.statvfs(place)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def volume_at(client: Any, name: str, place: Path, labels: dict[str, str]) -> None:
    """Make a volume on another file system than the engine's own; what asks for it by name finds it."""
    (place / name).mkdir()
    client.create_volume(name, labels=labels, driver_opts={"type": "none", "o": "bind", "device": str(place / name)})


@pytest.mark.parametrize("place", ["btrfs", "xfs"], indirect=True)
def test_with_reflinks_a_clone_takes_no_room_of_its_own(
    client: Any, image: str, odd: Attested, place: Path, tmp_path: Path
) -> None:
    key = golden.cache_key(odd, client.inspect_image(image)["Id"])
    volumes = [golden.builder(key, tmp_path), *(f"{LABELS[INSTALLATION]}-{number}" for number in "12")]
    try:
        for name in volumes:
            volume_at(client, name, place, LABELS)
        made = golden.ensure(odd, image, client, silent, tmp_path, LABELS, "reflink")
        golden_bytes = taken(place)
        for name in volumes[1:]:
            golden.clone(made, client, name, LABELS)
        assert taken(place) - golden_bytes < 0.2 * size(place / volumes[0])
        with started(client, image, volumes[1]) as one, started(client, image, volumes[2]) as two:
            one.run("UPDATE dataset.odd SET text = 'of one'")
            assert digests(one, odd) != told(odd)
            assert digests(two, odd) == told(odd)
    finally:
        for name in volumes:
            client.remove_volume(name, force=True)


def size(folder: Path) -> int:
    """Return the bytes that the files of a folder hold."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def has_reflinks(client: Any) -> bool:
    """Say what the engine's own folder can, asked from this side."""
    root = Path(client.info()["DockerRootDir"]) / "volumes"
    probe = root / "reflink-probe"
    if not os.access(root, os.W_OK):
        pytest.skip("only root looks into the engine's folder")
    probe.write_text("there")
    done = subprocess.run(["cp", "--reflink=always", probe, f"{probe}.2"], capture_output=True)
    for path in (probe, Path(f"{probe}.2")):
        path.unlink(missing_ok=True)
    return not done.returncode


def test_auto_takes_what_the_storage_can_and_asks_once(client: Any, image: str, tmp_path: Path) -> None:
    wanted = "reflink" if has_reflinks(client) else "image"
    assert golden.choose("auto", client, image, tmp_path) == wanted
    known = json.loads((tmp_path / "golden-clones.json").read_text())
    assert list(known.values()) == [wanted == "reflink"]
    other: Backend = "image" if wanted == "reflink" else "reflink"
    (tmp_path / "golden-clones.json").write_text(json.dumps(dict.fromkeys(known, other == "reflink")))
    assert golden.choose("auto", client, image, tmp_path) == other, "what was found out is not asked again"
    (tmp_path / "golden-clones.json").write_text("garbled")
    assert golden.choose("auto", client, image, tmp_path) == wanted
    assert golden.choose("copy", client, image, tmp_path) == "copy"


def test_reflinks_that_are_insisted_on_are_refused_where_there_are_none(client: Any, copied: Golden) -> None:
    if has_reflinks(client):
        pytest.skip("the engine's volumes have reflinks")
    insisting = Golden(copied.key, "reflink", copied.image, copied.volume)
    with pytest.raises(RequestError, match="no reflinks"):
        golden.clone(insisting, client, f"{copied.volume}-refused", LABELS)


def test_golden_volumes_that_nobody_needs_go(client: Any, image: str, tmp_path: Path) -> None:
    home, store = tmp_path / "home", Store(tmp_path / "store")
    kept, gone = one_row(tmp_path, "kept"), one_row(tmp_path, "gone")
    owner = {INSTALLATION: identity.installation(home)}
    made = [golden.ensure(one, image, client, silent, tmp_path, owner, "copy") for one in (kept, gone)]
    try:
        found = golden_images.unused(client, home, store, [kept.folder.name], [], image)
        assert found == [(made[1].volume, 0)]
        assert golden_images.remove(client, found) == found
        assert golden_images.remove(client, found) == []
        assert golden_images.unused(client, home, store, [kept.folder.name], [], image) == []
    finally:
        client.remove_volume(made[0].volume, force=True)
