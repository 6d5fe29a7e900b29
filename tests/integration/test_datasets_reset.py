"""The dataset of a living database: brought back, exchanged, proved; and a whole sandbox of which that is asked."""

import contextlib
import dataclasses
import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sandbox_suite.core.errors import InfrastructureError, RequestError
from sandbox_suite.core.files import read_json
from sandbox_suite.core.progress import silent
from sandbox_suite.datasets import golden, living, proof
from sandbox_suite.datasets.attestation import NotAttestedError
from sandbox_suite.datasets.living import Brought
from sandbox_suite.datasets.store import Attested
from sandbox_suite.engine import connection
from sandbox_suite.postgres import transaction
from sandbox_suite.postgres.inside import Psql
from sandbox_suite.postgres.transaction import Copy, Statement
from tests.e2e.conftest import Invoke
from tests.e2e.traces import Traces
from tests.integration.datasets_attested import LABELS, attested, database_image, engine, odd_tables, started

pytestmark = pytest.mark.docker
GRANTS = {"odd": ["select"], "children": ["select"]}
ROLE = "plugin_reset"
MAKE_ROLE = (
    f"CREATE ROLE {ROLE} LOGIN; CREATE SCHEMA {ROLE} AUTHORIZATION {ROLE}; GRANT CONNECT ON DATABASE sandbox TO {ROLE}"
)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Attested:
    return odd_tables(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def running(odd: Attested, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Psql]:
    with engine() as client:
        made = golden.ensure(odd, database_image(), client, silent, tmp_path_factory.mktemp("locks"), LABELS)
        with started(client, made.image) as psql:
            psql.run(MAKE_ROLE)
            yield psql


@dataclasses.dataclass
class Sandbox:
    """A database, what it should hold, and what was proved last."""

    psql: Psql
    odd: Attested
    proved: Brought

    def reset(self, wanted: Attested | None = None, **more: Any) -> Brought:
        wanted = wanted or self.odd
        grants = {table: ["select"] for table in wanted.manifest["tables"]}
        difference = living.look(wanted, self.psql, self.proved.writers if wanted is self.odd else {})
        self.proved = living.bring(wanted, self.psql, difference, ROLE, grants, **more)
        return self.proved

    def holds(self, wanted: Attested) -> bool:
        found = {name: self.psql.run(query).strip() for name, query in proof.sql(wanted.manifest).items()}
        return found == {name: table["content_digest"] for name, table in wanted.manifest["tables"].items()}


@pytest.fixture
def sandbox(running: Psql, odd: Attested) -> Sandbox:
    """A database that holds the dataset, proved, with an empty schema of the plugin."""
    running.run(f"DROP SCHEMA {ROLE} CASCADE; CREATE SCHEMA {ROLE} AUTHORIZATION {ROLE}")
    return Sandbox(running, odd, living.bring(odd, running, living.look(odd, running, {}), ROLE, GRANTS))


def test_what_was_not_written_to_is_proved_again_and_not_written(sandbox: Sandbox) -> None:
    before = sandbox.proved
    again = sandbox.reset()
    assert again.difference.nothing
    assert again.writers == before.writers
    assert set(again.digests) == {"odd", "children"}


@pytest.mark.parametrize(
    ("change", "written"),
    [
        ("UPDATE dataset.children SET parent = 2 WHERE child = 1", ("children",)),
        ("DELETE FROM dataset.children WHERE child = 3", ("children",)),
        ("UPDATE dataset.odd SET text = text", ("children", "odd")),  # what refers to it goes with it
        ("INSERT INTO dataset.odd (id) VALUES (9)", ("children", "odd")),
        ("TRUNCATE dataset.odd CASCADE", ("children", "odd")),
        ("GRANT DELETE ON dataset.odd TO PUBLIC", ()),
    ],
)
def test_what_was_written_is_brought_back(sandbox: Sandbox, change: str, written: tuple[str, ...]) -> None:
    sandbox.psql.run(change)
    brought = sandbox.reset()
    assert (brought.difference.anew, brought.difference.tables) == (False, written)
    assert sandbox.holds(sandbox.odd)
    assert rights(sandbox.psql) == {"odd SELECT", "children SELECT"}
    assert sandbox.reset().difference.nothing


def rights(psql: Psql) -> set[str]:
    """Return what others than the owner may do with the dataset's tables."""
    query = "SELECT table_name || ' ' || privilege_type FROM information_schema.role_table_grants"
    return set(psql.run(f"{query} WHERE table_schema = 'dataset' AND grantee <> 'postgres'").splitlines())


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE dataset.odd ADD COLUMN more int",
        "ALTER TABLE dataset.odd DROP COLUMN text",
        "ALTER TABLE dataset.odd ALTER COLUMN text SET DEFAULT 'x'",
        "ALTER TABLE dataset.children DROP CONSTRAINT children_parent_fkey",
        "ALTER TABLE dataset.children DISABLE TRIGGER ALL",
        "DROP INDEX dataset.children_parent_idx",
        "DROP TABLE dataset.odd CASCADE",
        "CREATE TABLE dataset.another (id int); CREATE VIEW dataset.seen AS SELECT * FROM dataset.odd",
        "CREATE RULE nothing AS ON DELETE TO dataset.odd DO INSTEAD NOTHING",
        "DROP SCHEMA dataset CASCADE",
    ],
)
def test_tables_that_are_defined_otherwise_are_made_anew(sandbox: Sandbox, change: str) -> None:
    sandbox.psql.run(change)
    assert sandbox.reset().difference.anew
    assert sandbox.holds(sandbox.odd)
    assert sandbox.psql.run("SELECT count(*) FROM pg_class WHERE relnamespace = 'dataset'::regnamespace").strip() == "5"
    assert sandbox.reset().difference.nothing


def test_views_and_sessions_of_the_plugin_outlive_a_reset(sandbox: Sandbox) -> None:
    sandbox.psql.run(
        f"CREATE VIEW {ROLE}.mine AS SELECT id, text FROM dataset.odd; GRANT SELECT ON {ROLE}.mine TO {ROLE}"
    )
    sandbox.psql.run("UPDATE dataset.odd SET text = 'changed'")
    with session(sandbox.psql, "PREPARE one AS SELECT text FROM dataset.odd WHERE id = 2") as say:
        assert say("EXECUTE one") == "changed"
        sandbox.reset()
        assert say("EXECUTE one") == ""
    assert sandbox.psql.run(f"SELECT count(*) FROM {ROLE}.mine WHERE text = 'changed'").strip() == "0"


def test_objects_of_the_plugin_that_hang_on_other_definitions_refuse_it_and_nothing_is_changed(
    sandbox: Sandbox,
) -> None:
    sandbox.psql.run(
        f"CREATE VIEW {ROLE}.mine AS SELECT id FROM dataset.odd; ALTER TABLE dataset.odd ADD COLUMN more int"
    )
    with pytest.raises(RequestError, match=rf"view {ROLE}.mine depends on table"):
        sandbox.reset()
    assert sandbox.psql.run("SELECT count(more) FROM dataset.odd").strip() == "0"
    sandbox.reset(first=[f"DROP SCHEMA {ROLE} CASCADE", f"CREATE SCHEMA {ROLE}"])
    assert sandbox.holds(sandbox.odd)


def test_who_holds_the_tables_is_named_or_ended(sandbox: Sandbox) -> None:
    sandbox.psql.run("UPDATE dataset.children SET parent = 2")
    with session(sandbox.psql, "SET application_name = 'idler'; BEGIN; SELECT FROM dataset.children"):
        with pytest.raises(RequestError, match=r"idler \(process \d+, idle in transaction since"):
            sandbox.reset(wait_seconds=0.2)
        assert sandbox.psql.run("SELECT count(*) FROM dataset.children WHERE parent = 2").strip() == "3"
        assert sandbox.reset(force=True).ended == 1
    assert sandbox.holds(sandbox.odd)


def test_a_row_written_by_a_transaction_that_began_before_the_proof_is_seen(sandbox: Sandbox) -> None:
    with session(sandbox.psql, "BEGIN; SELECT pg_current_xact_id()") as say:
        sandbox.psql.run("UPDATE dataset.children SET parent = 2")
        sandbox.reset()
        say("UPDATE dataset.children SET parent = parent; COMMIT")
    assert living.look(sandbox.odd, sandbox.psql, sandbox.proved.writers).tables == ("children",)


def test_another_version_takes_its_place(sandbox: Sandbox, tmp_path: Path) -> None:
    rows = pl.DataFrame({"id": [1, 2], "word": ["a", "b"]})
    columns = {"id": {"type": "int64", "nullable": False}, "word": {"type": "string", "nullable": True}}
    new = attested(tmp_path, {"words": (rows, {"primary_key": ["id"], "foreign_keys": {}, "columns": columns})})
    brought = sandbox.reset(new)
    assert (brought.difference.anew, brought.difference.tables) == (True, ("words",))
    assert sandbox.holds(new)
    assert rights(sandbox.psql) == {"words SELECT"}
    with pytest.raises(RequestError, match="no table children, odd, on which the plan grants"):
        living.bring(new, sandbox.psql, brought.difference, ROLE, GRANTS)


def test_content_that_is_not_what_was_attested_is_taken_back(sandbox: Sandbox) -> None:
    sandbox.psql.run("UPDATE dataset.children SET parent = 2")
    tables = sandbox.odd.manifest["tables"]
    other = {**tables["children"], "content_digest": "sha256:" + "0" * 64}
    forged = dataclasses.replace(
        sandbox.odd, manifest={**sandbox.odd.manifest, "tables": {**tables, "children": other}}
    )
    with pytest.raises(InfrastructureError, match="is not odd@1"):
        sandbox.reset(forged)
    assert sandbox.psql.run("SELECT count(*) FROM dataset.children WHERE parent = 2").strip() == "3"


def test_files_that_were_changed_are_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    other = odd_tables(tmp_path)
    other.table("odd").unlink()
    pl.DataFrame({"id": [1]}).write_parquet(other.table("odd"))
    with pytest.raises(NotAttestedError, match="changed: odd"):
        sandbox.reset(other)
    assert sandbox.holds(sandbox.odd)


def test_a_killed_load_leaves_what_was_there(sandbox: Sandbox, tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=stuck, args=(sandbox.psql.container, tmp_path))
    process.start()
    until = time.monotonic() + 30
    while not (tmp_path / "midway").exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    process.join()
    assert sandbox.reset(wait_seconds=10).difference.nothing, "its transaction was taken back"


def stuck(container: str, folder: Path) -> None:
    """Be in the middle of a load, and stay there."""

    def chunks() -> Iterator[bytes]:
        yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
        (folder / "midway").touch()
        time.sleep(60)

    psql = Psql(connection.client(), container)
    transaction.run(
        psql,
        [Statement("TRUNCATE dataset.children"), Copy("COPY dataset.children FROM STDIN (FORMAT binary)", chunks())],
    )


@contextlib.contextmanager
def session(psql: Psql, begin: str) -> Iterator[Any]:
    """Give a session that lasts: a function that sends SQL and returns the last line of the answer."""
    client = psql.client
    made = client.exec_create(psql.container, ["psql", "-XqAt", "-d", "sandbox"], stdin=True)["Id"]
    stream = client.exec_start(made, socket=True)
    line = getattr(stream, "_sock", stream)

    def say(sql: str) -> str:
        from docker.utils.socket import next_frame_header, read_exactly

        line.sendall(f"{sql};\n\\echo done\n".encode())
        said = ""
        while not said.endswith("done\n"):
            _, size = next_frame_header(stream)
            said += read_exactly(stream, size).decode()
        return (said.splitlines()[:-1] or [""])[-1]

    try:
        say(begin)
        yield say
    finally:
        stream.close()


@pytest.fixture(scope="module")
def invoke(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Invoke]:
    command = Invoke(tmp_path_factory.mktemp("home"))
    yield command
    command("ops.worker", "--stop")
    Traces(command.home).remove()


def query(invoke: Invoke, job: str, sql: str) -> str:
    return invoke("sandbox.shell", "--job", job, "--psql", "--command", sql).out


@pytest.mark.slow
def test_a_kept_sandbox_is_reset_exchanged_and_verified(invoke: Invoke, tmp_path: Path) -> None:
    job = invoke("sandbox.run", "--plan", "smoke", "--keep", "--json").json["job"]
    folder = invoke.home / "jobs" / job

    query(invoke, job, "UPDATE dataset.notes SET customer_id = 1 WHERE note_id < 9")
    spoilt = invoke("sandbox.retry", "--job", job, "--from-step", "verify", "--json").json
    assert spoilt["verdict"] != "passed"
    shown = invoke("dataset.reset", "--job", job, "--dry-run", "--json").json
    assert (shown["written"], shown["dry_run"]) == (["notes"], True)
    done = invoke("dataset.reset", "--job", job, "--reason", "spoilt by hand", "--json")
    assert done.code == 0, done.err
    assert done.json["written"] == ["notes"]
    again = invoke("sandbox.retry", "--job", job, "--from-step", "verify", "--json").json
    assert again["verdict"] == "passed"

    (tmp_path / "rows.csv").write_text("table,key,column,value\ncustomers,17,status,closed\n")
    patched = ("--name", "customer-sample@2025-01", "--rows", str(tmp_path / "rows.csv"), "--as", "2025-02")
    assert invoke("dataset.patch", *patched, "--reason", "he left").code == 0
    mine = query(invoke, job, f"SELECT count(*) FROM pg_tables WHERE schemaname = '{plan(folder)['schema']}'")
    loaded = invoke("dataset.load", "--job", job, "--dataset", "customer-sample@2025-02", "--json")
    assert loaded.code == 0, loaded.err
    assert (loaded.json["before"], loaded.json["tables_made_anew"]) == ("customer-sample@2025-01", False)
    assert plan(folder)["dataset"]["version"] == "2025-02"
    assert query(invoke, job, "SELECT status FROM dataset.customers WHERE customer_id = 17").split()[2] == "closed"
    assert query(invoke, job, f"SELECT count(*) FROM pg_tables WHERE schemaname = '{plan(folder)['schema']}'") == mine
    again = invoke("sandbox.retry", "--job", job, "--from-step", "verify", "--json").json
    assert (again["verdict"], again["dataset"]["version"]) == ("passed", "2025-02")

    refused = invoke("dataset.load", "--job", job, "--dataset", "customer-sample@2031-01", "--json")
    assert refused.code == 3
    assert "is not attested" in refused.json["error"]["what"]

    query(invoke, job, f"CREATE TABLE {plan(folder)['schema']}.rubbish (id int)")
    anew = invoke("dataset.reset", "--job", job, "--plugin", "--json")
    assert anew.code == 0, anew.err
    assert "rubbish" not in query(invoke, job, "SELECT relname FROM pg_class WHERE relkind = 'r'")
    again = invoke("sandbox.retry", "--job", job, "--from-step", "verify", "--json").json
    assert again["verdict"] == "passed"

    records = invoke("audit.show", "--job", job, "--json").json["records"]
    told = [(one["action"], one["outcome"]) for one in records if one["action"].startswith("dataset.")]
    assert told == [
        ("dataset.reset", "ok"),
        ("dataset.load", "ok"),
        ("dataset.load", "refused"),
        ("dataset.reset", "ok"),
    ]
    assert next(one for one in records if one["action"] == "dataset.reset")["reason"] == "spoilt by hand"
    again = invoke("sandbox.retry", "--job", job, "--from-step", "provision", "--json").json
    assert again["verdict"] == "passed", "a database into which it was loaded stays, and the plugin's schema with it"
    connection.client().kill(f"sbx-{job}-database")
    dead = invoke("dataset.reset", "--job", job, "--json")
    assert (dead.code, "does not answer" in dead.json["error"]["what"]) == (5, True)
    assert invoke("sandbox.destroy", "--job", job).code == 0
    back = invoke("sandbox.retry", "--job", job, "--from-step", "provision", "--json").json
    assert (back["verdict"], back["dataset"]["version"]) == ("passed", "2025-02"), "its plan names what was loaded"
    assert invoke("sandbox.destroy", "--job", job).code == 0
    gone = invoke("dataset.reset", "--job", job, "--json")
    assert (gone.code, gone.json["error"]["what"]) == (2, f"job `{job}` has no sandbox")


def plan(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(folder / "plan.json")
    return found
