"""Golden databases on a real engine: built once, proved, queried, and nothing left behind."""

import datetime
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.files import canonical, digest, file_digest
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import CHECKOUT, Settings
from sandbox_suite.datasets import attestation, golden, prepare, proof
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.store import Attested, Store
from sandbox_suite.engine import connection
from sandbox_suite.engine.labels import INSTALLATION
from sandbox_suite.postgres.inside import Psql
from sandbox_suite.toolchain import images

pytestmark = pytest.mark.docker

NOW = datetime.datetime(2025, 6, 1, tzinfo=datetime.UTC)
HOME = "mode=0700,uid=10000,gid=10000"
LABELS = {INSTALLATION: "dataset-tests"}
ODD = {  # every type that can be loaded, with values that are easily lost on the way
    "id": ("int64", [1, 2, 3]),
    "small": ("int32", [-1, None, 2**31 - 1]),
    "text": ("string", ["Zoë | 'x'\n\\N", "", None]),
    "han": ("string", ["王伟", "𠮷野家", "e\u0301"]),
    "day": ("date32[day]", [datetime.date(1899, 12, 31), None, datetime.date(2024, 2, 29)]),
    "at": ("timestamp[us]", [datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), None, datetime.datetime(2024, 1, 1)]),
    "share": ("double", [0.1, float("nan"), -0.0]),
    "price": ("decimal128(12, 2)", [Decimal("-0.05"), None, Decimal("9999999999.99")]),
    "is": ("bool", [True, False, None]),
    "raw": ("binary", [b"", b"\x00\xff", None]),
}
KINDS = {"int32": pl.Int32, "decimal128(12, 2)": pl.Decimal(12, 2)}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    made = connection.client(timeout=120)
    yield made
    for image in made.images(filters={"label": [f"{INSTALLATION}=dataset-tests", golden.LABEL]}):
        made.remove_image(image["Id"], force=True)
    made.close()


@pytest.fixture(scope="module")
def image() -> str:
    if images.missing():
        pytest.skip("the images are not built: run `./invoke ops.setup`")
    return images.references()["database"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Attested:
    """Two attested tables that nobody masked: loading does not care."""
    frame = pl.DataFrame({name: pl.Series(values, dtype=KINDS.get(kind)) for name, (kind, values) in ODD.items()})
    columns = {name: {"type": kind, "nullable": name != "id"} for name, (kind, _) in ODD.items()}
    children = pl.DataFrame({"child": [1, 2, 3], "parent": [1, 1, None]})
    child = {name: {"type": "int64", "nullable": name == "parent"} for name in children.columns}
    tables = {
        "children": (children, {"primary_key": ["child"], "foreign_keys": {"parent": "odd.id"}, "columns": child}),
        "odd": (frame, {"primary_key": ["id"], "foreign_keys": {}, "columns": columns}),
    }
    return attested(tmp_path_factory.mktemp("odd"), tables)


def attested(folder: Path, tables: dict[str, tuple[pl.DataFrame, dict[str, Any]]]) -> Attested:
    """Commit and sign tables, as the gate would."""
    described = {}
    for name, (frame, spec) in tables.items():
        path = folder / f"{name}.parquet"
        frame.write_parquet(path)
        whole = {"rows": frame.height, "order": frame.columns, "file_digest": file_digest(path), **spec}
        described[name] = {**whole, "content_digest": proof.frame_digest(frame, whole)}
    content = proof.dataset_digest({name: table["content_digest"] for name, table in described.items()})
    manifest = {"schema": 1, "name": "odd", "version": "1", "digest": content, "tables": described}
    key, store = attestation.new_key(), Store(folder / "store")
    said = {"schema": 1, "manifest": digest(canonical(manifest)), "findings": 0, "checks": [{"name": "none"}]}
    ends = attestation.expiry(NOW, [])
    signed = attestation.sign({**said, "at": "2025-06-01", "expires_at": ends, "cache_key": "c" * 64}, key)
    return store.open(store.commit(manifest, folder, signed), key, NOW)


@pytest.fixture
def database(client: Any, image: str, odd: Attested, tmp_path: Path) -> Iterator[Psql]:
    """A sandbox's database: read-only, its cluster in a tmpfs, started from the golden image."""
    with started(client, golden.ensure(odd, image, client, silent, tmp_path, LABELS)) as psql:
        yield psql


class started:  # noqa: N801 - reads as what it gives
    """A hardened container from an image, removed at the end."""

    def __init__(self, client: Any, image: str) -> None:
        self.client, self.image = client, image

    def __enter__(self) -> Psql:
        host = self.client.create_host_config(
            init=True, read_only=True, network_mode="none", cap_drop=["ALL"], tmpfs={"/data/run": HOME, "/tmp": HOME}
        )
        self.container = self.client.create_container(self.image, host_config=host, labels=LABELS)["Id"]
        self.client.start(self.container)
        psql = Psql(self.client, self.container)
        psql.wait()
        return psql

    def __exit__(self, *_: object) -> None:
        self.client.remove_container(self.container, force=True)


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
    reference = golden.ensure(odd, image, client, silent, tmp_path, LABELS)
    made, base = client.inspect_image(reference)["Config"], client.inspect_image(image)["Config"]
    assert {key: made[key] for key in ("User", "Env", "Cmd")} == {key: base[key] for key in ("User", "Env", "Cmd")}
    assert made["Labels"][golden.LABEL] == reference.rpartition(":")[2]
    assert made["Labels"][INSTALLATION] == "dataset-tests"


def test_it_is_built_once_when_many_ask(client: Any, image: str, tmp_path: Path) -> None:
    row = pl.DataFrame({"id": [1], "said": [str(tmp_path)]})
    columns = {"id": {"type": "int64", "nullable": False}, "said": {"type": "string", "nullable": False}}
    new = attested(tmp_path, {"one": (row, {"primary_key": ["id"], "foreign_keys": {}, "columns": columns})})
    said: list[str] = []
    found: list[str] = []

    def ask() -> None:
        found.append(golden.ensure(new, image, connection.client(), said.append, tmp_path / "locks", LABELS))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 4
    assert len(said) == 1
    assert builders(client, new, image) == []


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


def test_what_a_killed_build_left_is_removed_by_the_next(client: Any, image: str, tmp_path: Path) -> None:
    row = pl.DataFrame({"id": [1], "said": [f"{tmp_path} killed"]})
    columns = {"id": {"type": "int64", "nullable": False}, "said": {"type": "string", "nullable": False}}
    new = attested(tmp_path, {"one": (row, {"primary_key": ["id"], "foreign_keys": {}, "columns": columns})})
    locks = tmp_path / "locks"
    left = [golden.builder(golden.cache_key(new, client.inspect_image(image)["Id"]), locks)]
    left += [golden.builder("0123456789ab", locks)]  # of another data set
    for name in left:
        client.create_container(image, ["sleep", "600"], name=name)
    golden.ensure(new, image, client, silent, locks, LABELS)
    assert client.containers(all=True, filters={"name": left[1]}) == []
    assert builders(client, new, image) == []


def test_an_image_that_is_not_there_is_named(client: Any, odd: Attested, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no image `nothing:here`"):
        golden.ensure(odd, "nothing:here", client, silent, tmp_path, LABELS)


@pytest.mark.slow
def test_the_example_goes_from_its_seed_to_a_database(client: Any, image: str, tmp_path: Path) -> None:
    place = Settings(home=tmp_path / "home", cache=tmp_path, runtime=tmp_path, config=tmp_path)
    policy = CHECKOUT / "config" / "masking" / "customers-qa.yaml"
    found = prepare.prepare("customer-sample@2025-01", policy, place, silent, lambda: NOW)
    with started(client, golden.ensure(found, image, client, silent, tmp_path, LABELS)) as psql:
        assert psql.run("SELECT count(*) FROM dataset.orders").strip() == "60000"
        assert psql.run("SELECT count(*) FROM dataset.customers WHERE email NOT LIKE 'u%@example.com'").strip() == "0"
        for name, query in proof.sql(found.manifest).items():
            assert psql.run(query).strip() == proof.expected(found)[name]
