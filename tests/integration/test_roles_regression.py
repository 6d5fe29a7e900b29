"""The roles that load, run and collect, on real containers."""

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.converge_sandbox import ROLE, Sandbox, docker, packed_example, planted_in, sandbox, suite

pytestmark = pytest.mark.docker

COUNT = "SELECT count(*) FROM dataset.customers"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("home")) as there:
        variables = there.deploy_variables(packed_example(tmp_path_factory.mktemp("package")))
        there.run("deploy-plugin", "deploy", variables).raise_for_failure()
        yield there


def loading(**more: Any) -> dict[str, Any]:
    return {
        "dataset_load_proofs": [{"table": "customers", "sql": COUNT, "expected": "50"}],
        "dataset_load_grants": {"customers": ["select"], "orders": ["select"], "notes": ["select"]},
        "dataset_load_role": ROLE,
        **more,
    }


def rights(made: Sandbox, schema: str = "dataset") -> set[str]:
    query = (
        "SELECT table_name || ' ' || lower(privilege_type) FROM information_schema.role_table_grants"
        f" WHERE grantee = '{ROLE}' AND table_schema = '{schema}'"
    )
    return set(made.shell("database", f'psql -XqAt -d sandbox -c "{query}"').splitlines())


def test_the_dataset_is_proved_and_a_second_time_changes_nothing(made: Sandbox) -> None:
    first = made.run("load-dataset", "load", loading())
    assert (first.outcome, first.failures, first.missing_records) == ("ok", (), ())
    assert rights(made) == {"customers select", "orders select", "notes select"}
    second = made.run("load-dataset", "load", loading(), attempt=2)
    assert (second.outcome, second.changed) == ("ok", 0)
    by_hand = made.by_hand("load-dataset", "load")
    assert "changed=0" in by_hand.stdout, by_hand.stdout + by_hand.stderr


def test_fixtures_that_no_golden_copy_holds_are_loaded_once_for_each_content(made: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    more = {"dataset_load_fixtures": [{"table": "rates", "file": str(file)}]}
    file.write_text("code,rate\nEUR,1\n人民币,7.8\n")
    first = made.run("load-dataset", "load", loading(**more))
    assert (first.outcome, first.failures) == ("ok", ())
    assert rights(made, "fixture") == {"rates select"}
    assert made.run("load-dataset", "load", loading(**more), attempt=2).changed == 0
    file.write_text("code,rate,day\nEUR,2,today\n")
    assert made.run("load-dataset", "load", loading(**more), attempt=3).outcome == "ok"
    assert made.shell("database", "psql -XqAt -d sandbox -c 'SELECT * FROM fixture.rates'").split() == ["EUR|2|today"]


def test_rights_that_the_plan_does_not_name_are_taken(made: Sandbox) -> None:
    fewer = loading(dataset_load_grants={"customers": ["select"]})
    assert made.run("load-dataset", "load", fewer).outcome == "ok"
    assert rights(made) == {"customers select"}
    assert made.run("load-dataset", "load", loading(), attempt=2).outcome == "ok"
    assert rights(made) == {"customers select", "orders select", "notes select"}


def test_every_table_that_is_not_as_attested_is_told_at_once(made: Sandbox) -> None:
    proofs = [{"table": name, "sql": COUNT, "expected": "7"} for name in ("customers", "orders")]
    done = made.run("load-dataset", "load", loading(dataset_load_proofs=proofs), attempt=4)
    assert done.outcome == "failed"
    assert "table customers: expected 7, found 50" in done.failures[0].message
    assert "table orders: expected 7, found 50" in done.failures[0].message


def test_rights_are_granted_to_a_role_that_is_made_meanwhile(made: Sandbox) -> None:
    def make() -> None:
        made.shell("database", "psql -Xq -d sandbox -c 'CREATE ROLE latecomer'")

    late = threading.Timer(2, make)  # Ansible's own start takes less
    late.start()
    try:
        done = made.run("load-dataset", "load", loading(dataset_load_role="latecomer"), attempt=6)
    finally:
        late.join()
    assert (done.outcome, done.failures) == ("ok", ())
    made.shell("database", "psql -Xq -d sandbox -c 'DROP OWNED BY latecomer; DROP ROLE latecomer'")


def test_a_grant_on_a_table_that_is_not_there_is_refused(made: Sandbox) -> None:
    done = made.run("load-dataset", "load", loading(dataset_load_grants={"nothing": ["select", "own"]}), attempt=5)
    assert "there is no table nothing" in done.failures[0].message
    assert "own is none of" in done.failures[0].message


CALL = """
code=$(curl -s -o /dev/null -w '%{http_code}' "$SANDBOX_BASE_URL/healthz")
[ "$code" = 200 ] && outcome=passed || outcome=failed
printf '{"case": "health", "outcome": "%s", "seconds": 0.01}\\n' "$outcome" >>"$SANDBOX_RESULTS"
echo "suite $SANDBOX_SUITE of $FACT answered $code"
"""


def regression(folder: Path, run_id: str = "r1") -> dict[str, Any]:
    return {
        "suite_run_id": run_id,
        "suite_run_parallel": 2,
        "suite_run_environment": {"FACT": "customer-desk"},
        "suite_run_suites": [
            suite(folder, "good", CALL),
            suite(folder, "failing", "echo no luck; exit 3"),
            suite(folder, "slow", "sleep 60 & echo started; sleep 60", timeout_seconds=1),
            suite(folder, "loud", "head -c 3000000 /dev/zero | tr '\\0' x"),
            {**suite(folder, "absent", ""), "run": ["no-such-program"]},
        ],
    }


@pytest.fixture(scope="module")
def suites(made: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    variables = regression(tmp_path_factory.mktemp("suites"))
    done = made.run("run-regression", "regress", variables)
    done.raise_for_failure()
    assert (done.outcome, done.failures, done.missing_records) == ("ok", (), ())
    return variables


def test_suites_run_and_a_run_that_is_done_is_not_run_again(made: Sandbox, suites: dict[str, Any]) -> None:
    again = made.run("run-regression", "regress", suites, attempt=2)
    assert (again.outcome, again.changed) == ("ok", 0)
    assert "changed=0" in made.by_hand("run-regression", "regress").stdout


def test_another_run_id_is_another_run(made: Sandbox, suites: dict[str, Any]) -> None:
    assert made.run("run-regression", "regress", {**suites, "suite_run_id": "r0"}, attempt=3).changed == 1
    assert made.run("run-regression", "regress", suites, attempt=4).changed == 1


def test_nothing_that_a_suite_started_outlives_it(made: Sandbox, suites: dict[str, Any]) -> None:
    assert "sleep 60" not in made.shell("runner", "ps -eo args")


def collecting(made: Sandbox) -> dict[str, Any]:
    return {"report_collect_folder": str(made.folder / "artifacts"), "report_collect_run_id": "r1"}


def test_results_logs_and_metrics_are_collected_and_a_second_time_changes_nothing(
    made: Sandbox, suites: dict[str, Any]
) -> None:
    first = made.run("collect-reports", "collect", collecting(made))
    assert (first.outcome, first.failures, first.missing_records) == ("ok", (), ())
    artifacts = made.folder / "artifacts"
    codes = {path.stem: int(path.read_text()) for path in (artifacts / "results").glob("*.rc")}
    assert codes == {"good": 0, "failing": 3, "slow": 124, "loud": 0, "absent": 127}
    assert json.loads((artifacts / "results/good.jsonl").read_text())["outcome"] == "passed"
    assert "suite good of customer-desk answered 200" in (artifacts / "results/good.log").read_text()
    assert (artifacts / "results/loud.log").stat().st_size < 1_100_000
    assert "no-such-program could not be started" in (artifacts / "results/absent.log").read_text()
    metrics = {part: json.loads((artifacts / f"metrics/{part}.json").read_text()) for part in ("plugin", "database")}
    assert metrics["plugin"]["memory_bytes"] > 1_000_000
    assert metrics["plugin"]["cpu_us"] > 0
    assert metrics["database"]["database"]["size_bytes"] > 1_000_000
    assert (artifacts / "logs/plugin.log").exists()

    second = made.run("collect-reports", "collect", collecting(made), attempt=2)
    assert (second.outcome, second.changed) == ("ok", 0)
    assert made.by_hand("collect-reports", "collect").stdout.count("changed=0") == 3


def test_a_secret_that_a_plugin_logs_or_a_suite_reports_is_hidden_on_the_way(
    made: Sandbox, suites: dict[str, Any]
) -> None:
    secret = made.planted["plugin_db_password"]
    line = json.dumps({"case": "leak", "outcome": "failed", "message": f'it said "{secret}"'})
    for part, place in (("plugin", "/var/lib/powerx/plugins/*/run/plugin.log"), ("runner", "/tmp/results/leak.jsonl")):
        docker("exec", "-i", made.container(part), "sh", "-c", f"tee -a {place}", given=line + "\n")
    made.run("collect-reports", "collect", collecting(made), attempt=3)
    assert planted_in(made, made.settings.home) == []
    kept = json.loads((made.folder / "artifacts/results/leak.jsonl").read_text())
    assert kept["message"] == 'it said "[redacted]"'


SECRETS = f"""
CREATE TABLE {ROLE}.held (api_token text, password_hash text, secret bytea, other_secret text, note text);
INSERT INTO {ROLE}.held VALUES
  ('plain', '$argon2id$v=19$m=1', '\\xc30d04', 'Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA==', 'password'),
  (NULL, '$2b$12$x', NULL, '', 'x');
"""


def test_secrets_that_a_plugin_stores_are_counted_by_their_form_and_do_not_leave_the_database(made: Sandbox) -> None:
    docker("exec", "-i", made.container("database"), "psql", "-Xq", "-d", "sandbox", given=SECRETS)
    made.run("collect-reports", "collect", {**collecting(made), "report_collect_run_id": "r-secrets"}, attempt=6)
    told = json.loads((made.folder / "artifacts/metrics/database.json").read_text())["database"]["secrets"]
    found = {item["column"].split(".")[-1]: (item["rows"], item["sealed"], item["plain"]) for item in told}
    assert found == {
        "api_token": (1, 0, 1), "other_secret": (1, 0, 0), "password_hash": (2, 2, 0), "secret": (1, 1, 0),
    }  # fmt: skip
    made.shell("database", f"psql -Xq -d sandbox -c 'DROP TABLE {ROLE}.held'")


def test_a_lock_that_a_plugin_holds_for_ever_does_not_hold_up_collecting(made: Sandbox) -> None:
    create = f"CREATE TABLE {ROLE}.locked (token text)"
    made.shell("database", f"psql -Xq -d sandbox -c '{create}'")
    lock = f"BEGIN; LOCK TABLE {ROLE}.locked; SELECT pg_sleep(600);"
    made.shell("database", f"setsid psql -Xq -d sandbox -c '{lock}' >/dev/null 2>&1 &")
    held = f"SELECT count(*) FROM pg_locks WHERE relation = '{ROLE}.locked'::regclass AND granted"
    made.shell("database", f'until [ "$(psql -XqAt -d sandbox -c "{held}")" = 1 ]; do sleep 0.05; done')
    done = made.run("collect-reports", "collect", {**collecting(made), "report_collect_run_id": "r-lock"}, attempt=7)
    assert done.outcome == "ok"
    assert json.loads((made.folder / "artifacts/metrics/database.json").read_text())["database"]["secrets"] is None
    made.shell("database", "psql -Xq -d sandbox -c 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
               f" WHERE query LIKE $$%{ROLE}.locked%$$ AND pid <> pg_backend_pid()'")  # fmt: skip
    made.shell("database", f"psql -Xq -d sandbox -c 'DROP TABLE {ROLE}.locked'")


def test_a_result_of_an_earlier_run_does_not_stay(made: Sandbox, suites: dict[str, Any]) -> None:
    old = made.folder / "artifacts/results/old.jsonl"
    old.write_text("{}\n")
    made.run("collect-reports", "collect", collecting(made), attempt=4)
    assert not old.exists()


def test_a_container_that_packs_a_link_gets_nothing_past_the_results(made: Sandbox, suites: dict[str, Any]) -> None:
    made.shell("runner", "ln -sf /etc/passwd /tmp/results/passwd.log")
    made.run("collect-reports", "collect", collecting(made), attempt=5)
    assert not (made.folder / "artifacts/results/passwd.log").exists()


def test_equal_folders_of_suites_give_equal_archives(tmp_path: Path) -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("suite_upload", "roles/suite_run/action_plugins/suite_upload.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    entries = [suite(tmp_path / str(number), "one", CALL) for number in (1, 2)]
    digests = {hashlib.sha256(module.archive({"one": Path(entry["path"])})).hexdigest() for entry in entries}
    assert len(digests) == 1
