"""Golden databases on a real engine: built once, proved, queried, and nothing left behind."""

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.datasets import golden, prepare, proof
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.golden import Backend
from sandbox_suite.datasets.store import Attested
from sandbox_suite.engine.labels import INSTALLATION
from sandbox_suite.postgres.inside import Psql
from tests.integration.datasets_attested import (
    LABELS,
    NOW,
    ODD,
    ask,
    attested,
    database_image,
    engine,
    odd_tables,
    one_row,
    started,
)

pytestmark = pytest.mark.docker
SPAWN = multiprocessing.get_context("spawn")


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


@pytest.fixture
def database(client: Any, image: str, odd: Attested, tmp_path: Path) -> Iterator[Psql]:
    """A sandbox's database: read-only, its cluster in a tmpfs, started from the golden image."""
    with started(client, golden.ensure(odd, image, client, silent, tmp_path, LABELS).image) as psql:
        yield psql


def builders(client: Any, attested: Attested, image: str) -> list[Any]:
    """Return the containers that fill a golden image, or were left by it."""
    key = golden.cache_key(attested, client.inspect_image(image)["Id"])
    return list(client.containers(all=True, filters={"name": f"{golden.BUILDER}-{key}"}))


def test_a_sandbox_starts_with_every_row_and_the_same_digests(database: Psql, odd: Attested) -> None:
    for name, query in proof.sql(odd.manifest).items():
        assert database.run(query).strip() == odd.manifest["tables"][name]["content_digest"]
    assert proof.expected(odd) == {name: table["content_digest"] for name, table in odd.manifest["tables"].items()}
    assert database.run("SELECT han FROM dataset.odd WHERE id = 2").strip() == "𠮷野家"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE dataset.odd SET text = NULL WHERE id = 2",
        "UPDATE dataset.odd SET price = price + 0.01 WHERE id = 1",
        "DELETE FROM dataset.odd WHERE id = 3",
        "INSERT INTO dataset.odd SELECT 4, small, text, han FROM dataset.odd WHERE id = 2",
        "UPDATE dataset.odd SET share = 0.0 WHERE id = 3",
    ],
)
def test_a_changed_row_changes_the_digest(database: Psql, odd: Attested, change: str) -> None:
    query = proof.sql(odd.manifest)["odd"]
    found = database.run(f"{change}; {query}; ROLLBACK").strip().splitlines()[-1]
    assert found.startswith("sha256:")
    assert found != odd.manifest["tables"]["odd"]["content_digest"]


def test_keys_indexes_and_statistics_are_there(database: Psql) -> None:
    indexes = database.run("SELECT indexdef FROM pg_indexes WHERE schemaname = 'dataset' ORDER BY 1")
    assert indexes.count("UNIQUE") == 2
    assert "(parent)" in indexes
    assert database.run("SELECT count(*) FROM pg_stats WHERE schemaname = 'dataset'").strip() == str(len(ODD) + 2)
    with pytest.raises(InfrastructureError, match="foreign key"):
        database.run("INSERT INTO dataset.children VALUES (9, 99)")


def test_nobody_may_read_it_unasked(database: Psql) -> None:
    with pytest.raises(InfrastructureError, match="permission denied"):
        database.run("CREATE ROLE stranger; SET ROLE stranger; SELECT * FROM dataset.odd")


def test_the_image_is_the_database_image_with_rows(client: Any, image: str, odd: Attested, tmp_path: Path) -> None:
    reference = golden.ensure(odd, image, client, silent, tmp_path, LABELS).image
    made, base = client.inspect_image(reference)["Config"], client.inspect_image(image)["Config"]
    assert {key: made[key] for key in ("User", "Env", "Cmd")} == {key: base[key] for key in ("User", "Env", "Cmd")}
    assert made["Labels"][golden.LABEL] == reference.rpartition(":")[2]
    assert made["Labels"][INSTALLATION] == LABELS[INSTALLATION]


@pytest.mark.parametrize("backend", ["image", "copy"])
def test_it_is_built_once_when_ten_processes_ask(client: Any, image: str, tmp_path: Path, backend: Backend) -> None:
    new = one_row(tmp_path, backend)
    with ProcessPoolExecutor(10, SPAWN) as pool:
        asked = [pool.submit(ask, tmp_path, new.folder.name, image, backend) for _ in range(10)]
        found = [one.result() for one in asked]
    assert len({name for name, _ in found}) == 1
    assert [len(said) for _, said in found].count(1) == 1, "who builds says so"
    assert sum(len(said) for _, said in found) == 1
    assert builders(client, new, image) == []


@pytest.mark.parametrize("backend", ["image", "copy"])
def test_a_builder_that_is_killed_is_taken_over_by_the_next(
    client: Any, image: str, tmp_path: Path, backend: Backend
) -> None:
    new = one_row(tmp_path, f"killed {backend}")
    process = SPAWN.Process(target=ask, args=(tmp_path, new.folder.name, image, backend))
    process.start()
    until = time.monotonic() + 60
    while not builders(client, new, image) and time.monotonic() < until:
        time.sleep(0.005)
    process.kill()
    process.join()
    assert len(builders(client, new, image)) == 1, "it was cut in the middle"
    said: list[str] = []
    made = golden.ensure(new, image, client, said.append, tmp_path / "locks", LABELS, backend)
    assert len(said) == 1
    assert builders(client, new, image) == []
    if made.volume:
        golden.clone(made, client, f"{made.volume}-own", LABELS)
    with started(client, made.image, f"{made.volume}-own" if made.volume else "") as psql:
        assert psql.run(proof.sql(new.manifest)["one"]).strip() == new.manifest["tables"]["one"]["content_digest"]


def test_a_file_changed_after_the_gate_makes_no_image(client: Any, image: str, tmp_path: Path) -> None:
    row = pl.DataFrame({"id": [1, 2]})
    columns = {"id": {"type": "int64", "nullable": False}}
    new = attested(tmp_path, {"one": (row, {"primary_key": ["id"], "foreign_keys": {}, "columns": columns})})
    new.table("one").unlink()
    row.reverse().write_parquet(new.table("one"))
    with pytest.raises(NotAttestedError, match="one"):
        golden.ensure(new, image, client, silent, tmp_path / "locks", LABELS)
    assert builders(client, new, image) == []
    with pytest.raises(Exception, match="No such image"):
        client.inspect_image(f"{golden.REPOSITORY}:{golden.cache_key(new, client.inspect_image(image)['Id'])}")


def test_what_builds_of_other_datasets_left_is_removed_too(client: Any, image: str, tmp_path: Path) -> None:
    left = golden.builder("0123456789ab", tmp_path / "locks")
    client.create_container(image, ["sleep", "600"], name=left)
    golden.ensure(one_row(tmp_path, "next"), image, client, silent, tmp_path / "locks", LABELS)
    assert client.containers(all=True, filters={"name": left}) == []


def test_an_image_that_is_not_there_is_named(client: Any, odd: Attested, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no image `nothing:here`"):
        golden.ensure(odd, "nothing:here", client, silent, tmp_path, LABELS)


@pytest.mark.slow
def test_the_example_goes_from_its_seed_to_a_database(client: Any, image: str, tmp_path: Path) -> None:
    place = Settings(home=tmp_path / "home", cache=tmp_path, runtime=tmp_path, config=tmp_path)
    policy = CHECKOUT / "config" / "masking" / "customers-qa.yaml"
    found = prepare.prepare("customer-sample@2025-01", policy, place, silent, lambda: NOW)
    with started(client, golden.ensure(found, image, client, silent, tmp_path, LABELS).image) as psql:
        assert psql.run("SELECT count(*) FROM dataset.orders").strip() == "60000"
        assert psql.run("SELECT count(*) FROM dataset.customers WHERE email NOT LIKE 'u%@example.com'").strip() == "0"
        for name, query in proof.sql(found.manifest).items():
            assert psql.run(query).strip() == proof.expected(found)[name]
