"""Sources: a PostgreSQL database and its dumps, on real servers: types, keys and comments, and what is refused."""

import datetime
import gzip
import re
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sandbox_suite.core.errors import SandboxError
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import importing, places
from sandbox_suite.datasets.importing import Imported, Keys, Wanted
from sandbox_suite.datasets.sources import dumps
from sandbox_suite.engine import connection
from sandbox_suite.postgres.inside import Psql
from sandbox_suite.toolchain import images

pytestmark = pytest.mark.docker

NOW = datetime.datetime(2025, 6, 1, 12, tzinfo=datetime.UTC)
PASSWORD = "sesame" + "-" + "street"
NAME = "datasets-sources-tests"
SEED = """
CREATE ROLE clerk; CREATE ROLE reader LOGIN PASSWORD '{password}';
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN mail AS varchar(80) CHECK (value LIKE '%@%');
CREATE TABLE customers (id serial PRIMARY KEY, email mail NOT NULL, name text, born date, credit numeric(12,2), m mood,
  at timestamptz, seen timestamp(3), uid uuid, meta jsonb, photo bytea, free numeric, opens time, share real,
  ratio double precision, ok boolean, twice int GENERATED ALWAYS AS (2) STORED);
COMMENT ON TABLE customers IS 'who buys';
COMMENT ON COLUMN customers.name IS 'as in the passport';
CREATE TABLE orders (no int, line smallint, customer_id int REFERENCES customers, referrer int
  REFERENCES customers (id), note varchar(200), PRIMARY KEY (no, line));
CREATE TABLE shipped (id bigint PRIMARY KEY, no int, line smallint, FOREIGN KEY (no, line) REFERENCES orders);
CREATE TABLE visits (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE visits_2025 PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE empty (id bigint PRIMARY KEY, tag text);
INSERT INTO customers (email, name, born, credit, m, at, seen, uid, meta, photo, free, opens, share, ratio, ok) VALUES
  ('a@mail.example', E'Zoë "x",\\n王伟 \\\\N', '1899-12-31', -0.05, 'ok', '2025-01-01 10:00:00.123456+02',
   '2025-01-01 10:00:00.5', '6f9619ff-8b86-d011-b42d-00c04fc964ff', '{{"a": [1]}}', '\\x00ff', 1234.5678,
   '12:00:01.5', 0.1, 'NaN', true),
  ('b@mail.example', '', NULL, 9999999999.99, NULL, NULL, NULL, NULL, NULL, '', 0.1, NULL, NULL, '-0.0', false),
  ('c@mail.example', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'Infinity', NULL);
INSERT INTO orders VALUES (2, 1, 1, NULL, 'second'), (1, 1, 2, 3, NULL);
INSERT INTO shipped VALUES (5, 1, 1);
INSERT INTO visits VALUES (1, '2025-05-05');
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; GRANT USAGE ON SCHEMA public TO reader, clerk;
GRANT CONNECT ON DATABASE sandbox TO reader; ALTER TABLE empty OWNER TO clerk;
CREATE SCHEMA odd; GRANT USAGE ON SCHEMA odd TO reader;
CREATE TABLE odd.shapes (id int PRIMARY KEY, tags text[], spot point, span int4range, "Full Name" text);
CREATE TABLE odd.a (id int PRIMARY KEY, b int); CREATE TABLE odd.b (id int PRIMARY KEY, a int REFERENCES odd.a);
ALTER TABLE odd.a ADD FOREIGN KEY (b) REFERENCES odd.b;
CREATE TABLE odd.plain (id int PRIMARY KEY); INSERT INTO odd.plain VALUES (1);
CREATE TABLE odd.log (what text); INSERT INTO odd.log VALUES ('swordfish'), ('swordfish');
CREATE TABLE odd.ages (id int PRIMARY KEY, at timestamp); INSERT INTO odd.ages VALUES (1, 'infinity');
CREATE TABLE odd.people (id int PRIMARY KEY, who text); INSERT INTO odd.people VALUES (1, 'a');
ALTER TABLE odd.people ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON odd.shapes, odd.a, odd.b, odd.log, odd.ages, odd.people, odd.plain TO reader;
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    made = connection.client(timeout=120)
    yield made
    made.close()


@pytest.fixture(scope="module")
def image() -> str:
    if images.missing():
        pytest.skip("the images are not built: run `./invoke ops.setup`")
    return images.references()["database"]


@pytest.fixture(scope="module")
def server(client: Any, image: str) -> Iterator[tuple[str, Psql]]:
    """A database with its socket in a folder of this machine, and no network: (that folder, psql inside)."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        Path(folder).chmod(0o777)
        host = client.create_host_config(init=True, network_mode="none", binds=[f"{folder}:/tmp"])
        container = client.create_container(image, name=NAME, host_config=host)["Id"]
        try:
            client.start(container)
            psql = Psql(client, container)
            psql.wait()
            psql.run(SEED.format(password=PASSWORD))
            yield folder, psql
        finally:
            client.remove_container(container, force=True)


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "home", tmp_path / "cache", tmp_path / "run", tmp_path / "config", actor="anna")


@pytest.fixture
def url(server: tuple[str, Psql], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database's URL; the password is in a file that PGPASSFILE names."""
    file = tmp_path / "pgpass"
    file.write_text(f"*:*:*:reader:{PASSWORD}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    return f"postgresql://reader@/sandbox?host={server[0]}"


def bring(home: Settings, place: str, reference: str = "shop@1", keys: Keys | None = None, **wanted: Any) -> Imported:
    def container() -> tuple[Any, str]:
        return connection.client(timeout=120), images.references()["database"]

    asked = Wanted(place, **wanted)
    return importing.run(reference, asked, keys or Keys(), home, container, silent, lambda: NOW)


def refused(home: Settings, place: str, *said: str, **options: Any) -> str:
    with pytest.raises(SandboxError) as caught:
        bring(home, place, **options)
    for pattern in said:
        assert re.search(pattern, caught.value.explanation.what), caught.value.explanation.what
    assert caught.value.explanation.remedy
    assert places.stored(home) == {}
    return str(caught.value)


def frame(home: Settings, table: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(places.find("shop@1", home).read(table)))


def dump(server: tuple[str, Psql], path: Path, *options: str) -> Path:
    """Write what pg_dump says of the database, in whatever format."""
    client, container = server[1].client, server[1].container
    started = client.exec_create(container, ["pg_dump", "--schema=public", *options, "sandbox"])["Id"]
    path.write_bytes(client.exec_start(started))
    return path


# ---- a database


def test_rows_types_keys_and_comments_come_through(home: Settings, url: str) -> None:
    done = bring(home, url)
    assert set(done.tables) == {"customers", "orders", "shipped", "visits", "empty"}
    customers = done.tables["customers"]
    assert {name: item["type"] for name, item in customers["columns"].items()} == {
        "id": "int32",
        "email": "string",
        "name": "string",
        "born": "date32[day]",
        "credit": "decimal128(12, 2)",
        "m": "string",
        "at": "timestamp[us, tz=UTC]",
        "seen": "timestamp[us]",
        "uid": "string",
        "meta": "string",
        "photo": "binary",
        "free": "decimal128(8, 4)",
        "opens": "time64[us]",
        "share": "float",
        "ratio": "double",
        "ok": "bool",
        "twice": "int32",
    }
    assert (customers["comment"], customers["columns"]["name"]["comment"]) == ("who buys", "as in the passport")
    assert [name for name, item in customers["columns"].items() if not item["nullable"]] == ["id", "email"]
    assert done.tables["orders"]["primary_key"] == ["no", "line"]
    assert done.tables["orders"]["foreign_keys"] == {"customer_id": "customers.id", "referrer": "customers.id"}
    assert done.tables["orders"]["discovered"] == []
    assert any("foreign key of several columns (no, line) is not kept" in note for note in done.notes)
    assert any("table public.empty: has no rows" in note for note in done.notes)
    first, second, third = frame(home, "customers").rows()
    assert first[:16] == (
        1,
        "a@mail.example",
        'Zoë "x",\n王伟 \\N',
        datetime.date(1899, 12, 31),
        Decimal("-0.05"),
        "ok",
        datetime.datetime(2025, 1, 1, 8, 0, 0, 123456, datetime.UTC),
        datetime.datetime(2025, 1, 1, 10, 0, 0, 500000),
        "6f9619ff-8b86-d011-b42d-00c04fc964ff",
        '{"a": [1]}',
        b"\x00\xff",
        Decimal("1234.5678"),
        datetime.time(12, 0, 1, 500000),
        pytest.approx(0.1),
        pytest.approx(float("nan"), nan_ok=True),
        True,
    )
    assert (second[2], second[10], str(second[14])) == ("", b"", "-0.0")
    assert (third[2], third[10], third[14]) == (None, None, float("inf"))
    assert frame(home, "orders").rows() == [(1, 1, 2, 3, None), (2, 1, 1, None, "second")]
    assert frame(home, "visits").height == 1


def test_the_same_database_again_changes_nothing(home: Settings, url: str) -> None:
    bring(home, url)
    assert bring(home, url).outcome == "unchanged"


def test_tables_and_schema_can_be_chosen(home: Settings, url: str) -> None:
    refused(home, url, "there is no table `gone` in schema `public`; there are customers, empty", tables=("gone",))
    refused(home, url, "no tables in schema `gone`: odd, public", schema="gone")
    refused(home, url, "no table has a row", schema="odd", tables=("b",))
    assert set(bring(home, url, schema="odd", tables=("plain", "b")).tables) == {"plain", "b"}


def test_a_key_to_a_table_that_is_left_out_is_noted(home: Settings, url: str) -> None:
    done = bring(home, url, tables=("orders",))
    assert done.tables["orders"]["foreign_keys"] == {}
    assert any("`customer_id` is not kept: its table is not imported" in note for note in done.notes)


def test_what_cannot_be_kept_is_told_at_once(home: Settings, url: str) -> None:
    refused(
        home, url, "`tags` is text", "`spot` is point", "`span` is int4range", schema="odd", tables=("shapes", "log")
    )
    told = refused(home, url, "table odd.log: has no key", schema="odd", tables=("log", "people"))
    assert "swordfish" not in told


def test_foreign_keys_in_a_circle_are_refused(home: Settings, url: str, server: tuple[str, Psql]) -> None:
    server[1].run("INSERT INTO odd.a VALUES (1, NULL) ON CONFLICT DO NOTHING")
    refused(home, url, "go round in a circle: a -> b -> a", schema="odd", tables=("a", "b"))
    done = bring(home, url, schema="odd", tables=("a", "b"), keys=Keys(ignored=("a.b",)))
    assert done.tables["a"]["foreign_keys"] == {}


def test_values_without_a_place_are_told_by_column_and_row(home: Settings, url: str) -> None:
    refused(home, url, "table odd.ages: column `at`, row 1: not a time", schema="odd", tables=("ages",))


def test_rows_hidden_by_row_security_are_an_error_and_not_left_out(home: Settings, url: str) -> None:
    refused(home, url, "row-level security", schema="odd", tables=("people",))


def test_the_password_may_be_a_reference_and_is_stored_nowhere(
    home: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSFILE")
    told = refused(home, url, "no connection")
    place = home.home / "secrets" / "shop-db"
    place.parent.mkdir(parents=True)
    place.write_text(PASSWORD + "\n")
    done = bring(home, f"{url}&password=secret://sandbox/shop-db")
    assert done.outcome == "stored"
    files = [path for path in (home.home / "datasets").rglob("*") if path.is_file()]
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
    place.write_text("wrong" + PASSWORD)
    with pytest.raises(SandboxError, match="password authentication failed") as caught:
        bring(home, f"{url}&password=secret://sandbox/shop-db", "shop@2")
    assert PASSWORD not in told + str(caught.value)


def test_a_service_names_server_and_password(
    home: Settings, server: tuple[str, Psql], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "services"
    file.write_text(f"[shop]\nhost={server[0]}\ndbname=sandbox\nuser=reader\npassword={PASSWORD}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    assert bring(home, "postgresql:///?service=shop", tables=("customers",)).rows == 3


# ---- dumps


@pytest.mark.parametrize(("name", "options"), [("shop.dump", ["--format=custom"]), ("shop.sql", ["--format=plain"])])
def test_a_dump_holds_what_the_database_holds(
    home: Settings, url: str, server: tuple[str, Psql], tmp_path: Path, client: Any, name: str, options: list[str]
) -> None:
    file = dump(server, tmp_path / name, *options)
    first = bring(home, url)
    assert bring(home, str(file)).outcome == "unchanged"
    assert first.tables["customers"]["comment"] == "who buys"
    assert left(client) == []


def test_a_packed_dump_and_one_behind_a_url_are_restored(
    home: Settings, server: tuple[str, Psql], tmp_path: Path
) -> None:
    plain = dump(server, tmp_path / "shop.sql")
    (tmp_path / "shop.sql.gz").write_bytes(gzip.compress(plain.read_bytes()))
    assert bring(home, str(tmp_path / "shop.sql.gz")).rows == 7
    assert bring(home, plain.as_uri()).outcome == "unchanged"


def test_statements_of_newer_clients_and_servers_are_passed_over(home: Settings, tmp_path: Path) -> None:
    script = (
        "\\restrict abc\nSET transaction_timeout = 0;\nCREATE TABLE t (id int PRIMARY KEY, x text);\n"
        'ALTER TABLE t OWNER TO "Somebody else";\nALTER TABLE t OWNER TO nobody;\n'
        "COPY t (id, x) FROM stdin;\n1\tSET transaction_timeout = 0;\n2\tALTER TABLE t OWNER TO x;\n\\.\n"
        "\\unrestrict abc\n"
    )
    (tmp_path / "t.sql").write_text(script)
    bring(home, str(tmp_path / "t.sql"))
    assert frame(home, "t")["x"].to_list() == ["SET transaction_timeout = 0;", "ALTER TABLE t OWNER TO x;"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cut.dump", None, "cannot be restored"),
        ("bad.sql", b"CREATE TABLE t (id int);\nSELECT nonsense;\n", "column .nonsense. does not exist"),
        ("none.sql", b"SELECT 1;\n", "has no table"),
        ("empty.sql", b"", "is empty"),
        ("copy.sql", b"CREATE TABLE t (id int);\nCOPY t FROM stdin;\nswordfish\n\\.\n", "invalid input syntax"),
        ("new.dump", b"PGDMP\x01\x63\x00\x04\x08\x01\x01", "cannot be restored"),
    ],
)
def test_a_bad_dump_is_refused(
    home: Settings, server: tuple[str, Psql], tmp_path: Path, client: Any, name: str, content: bytes | None, said: str
) -> None:
    whole = dump(server, tmp_path / name, "--format=custom").read_bytes() if content is None else b""
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3] if content is None else content)
    assert "swordfish" not in refused(home, str(tmp_path / name), said)
    assert left(client) == []


def test_a_dump_that_attacks_reaches_nothing(home: Settings, tmp_path: Path, client: Any) -> None:
    script = (
        "CREATE TABLE found (id int PRIMARY KEY, what text);\nCREATE TABLE said (line text);\n"
        "COPY said FROM PROGRAM 'cat /proc/net/dev | grep -vc -e lo: -e Inter -e face; true';\n"
        "COPY said FROM PROGRAM 'grep CapBnd /proc/self/status | cut -f2';\n"
        "INSERT INTO found SELECT row_number() OVER (), line FROM said;\nDROP TABLE said;\n"
    )
    (tmp_path / "t.sql").write_text(script)
    bring(home, str(tmp_path / "t.sql"))
    assert frame(home, "found")["what"].to_list() == ["0", "0" * 16]
    assert left(client) == []


def left(client: Any) -> list[str]:
    return [found["Names"][0] for found in client.containers(all=True, filters={"name": dumps.NAME})]
