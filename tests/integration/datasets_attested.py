"""Attested datasets that nobody masked, and databases that start from their golden copies: loading does not care."""

import datetime
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sandbox_suite.core.files import canonical, digest, file_digest
from sandbox_suite.datasets import attestation, golden, proof
from sandbox_suite.datasets.golden import Backend
from sandbox_suite.datasets.store import Attested, Store
from sandbox_suite.engine import connection
from sandbox_suite.engine.labels import INSTALLATION
from sandbox_suite.postgres.inside import Psql
from sandbox_suite.toolchain import images

NOW = datetime.datetime(2025, 6, 1, tzinfo=datetime.UTC)
HOME = "mode=0700,uid=10000,gid=10000"
# One run of the tests must not clear away what another one uses; a process that a test starts inherits the name.
MINE = os.environ.setdefault("DATASET_TESTS", f"dataset-tests-{secrets.token_hex(4)}")
LABELS = {INSTALLATION: MINE}
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


@contextmanager
def engine() -> Iterator[Any]:
    """Give a client; golden images and volumes of these tests are removed at the end."""
    client = connection.client(timeout=120)
    yield client
    for image in client.images(filters={"label": [f"{INSTALLATION}={MINE}", golden.LABEL]}):
        client.remove_image(image["Id"], force=True)
    for label in (f"{golden.OWNER}={MINE}", f"{INSTALLATION}={MINE}"):
        for volume in client.volumes(filters={"label": label})["Volumes"] or []:
            client.remove_volume(volume["Name"], force=True)
    client.close()


def database_image() -> str:
    """Return the image of sandboxes' databases; skip where it is not built."""
    if images.missing():
        pytest.skip("the images are not built: run `./invoke ops.setup`")
    return images.references()["database"]


def one_row(folder: Path, said: str) -> Attested:
    """Return an attested table that no other test has."""
    row = pl.DataFrame({"id": [1], "said": [f"{folder} {said}"]})
    columns = {"id": {"type": "int64", "nullable": False}, "said": {"type": "string", "nullable": False}}
    return attested(folder, {"one": (row, {"primary_key": ["id"], "foreign_keys": {}, "columns": columns})})


def reopened(folder: Path, version: str) -> Attested:
    """Return a version that `attested` committed into `folder`, in another process."""
    manifest = Store(folder / "store").manifest(version)
    place = Store(folder / "store").raw(version)
    return Attested(manifest["name"], manifest["version"], manifest["digest"], True, "", place, manifest, "")


def ask(folder: Path, version: str, image: str, backend: Backend) -> tuple[str, list[str]]:
    """Ask for a golden database in a process of its own; return what it is, and what was said on the way."""
    said: list[str] = []
    client = connection.client(timeout=120)
    made = golden.ensure(reopened(folder, version), image, client, said.append, folder / "locks", LABELS, backend)
    return made.volume or made.image, said


def odd_tables(folder: Path) -> Attested:
    """Return two attested tables: every type, and a foreign key."""
    frame = pl.DataFrame({name: pl.Series(values, dtype=KINDS.get(kind)) for name, (kind, values) in ODD.items()})
    columns = {name: {"type": kind, "nullable": name != "id"} for name, (kind, _) in ODD.items()}
    children = pl.DataFrame({"child": [1, 2, 3], "parent": [1, 1, None]})
    child = {name: {"type": "int64", "nullable": name == "parent"} for name in children.columns}
    tables = {
        "children": (children, {"primary_key": ["child"], "foreign_keys": {"parent": "odd.id"}, "columns": child}),
        "odd": (frame, {"primary_key": ["id"], "foreign_keys": {}, "columns": columns}),
    }
    return attested(folder, tables)


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


class started:  # noqa: N801 - reads as what it gives
    """A hardened container from an image, its cluster in memory or in a volume, removed at the end."""

    def __init__(self, client: Any, image: str, volume: str = "") -> None:
        self.client, self.image, self.volume = client, image, volume

    def __enter__(self) -> Psql:
        host = self.client.create_host_config(
            init=True,
            read_only=True,
            network_mode="none",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            tmpfs={"/tmp": HOME, **({} if self.volume else {"/data/run": HOME})},
            binds=[f"{self.volume}:/data/run"] if self.volume else [],
        )
        self.container = self.client.create_container(self.image, host_config=host, labels=LABELS)["Id"]
        self.client.start(self.container)
        psql = Psql(self.client, self.container)
        psql.wait()
        return psql

    def __exit__(self, *_: object) -> None:
        self.client.remove_container(self.container, force=True)
