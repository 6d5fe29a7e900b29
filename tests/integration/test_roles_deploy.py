"""The role `plugin_deploy` on real containers: applied twice it changes nothing, and neither does wrong input."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox_suite.audit import log
from sandbox_suite.converge import task_results
from sandbox_suite.core.files import write_json
from sandbox_suite.plugins.package import Package
from tests.integration.converge_sandbox import ROLE, SCHEMA, Sandbox, packed_example, planted_in, sandbox

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("home")) as there:
        yield there


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return packed_example(tmp_path_factory.mktemp("package"))


def test_a_plugin_is_deployed_and_a_second_time_changes_nothing(made: Sandbox, packed: Package) -> None:
    lines: list[str] = []
    first = made.run("deploy-plugin", "deploy", made.deploy_variables(packed), say=lines.append)
    assert (first.outcome, first.failures, first.missing_records) == ("ok", (), ())
    assert first.changed > 5
    assert any("Start the plugin" in line for line in lines)
    pid = made.shell("plugin", "cat /var/lib/powerx/plugins/*/run/plugin.pid")

    second = made.run("deploy-plugin", "deploy", made.deploy_variables(packed), attempt=2)
    assert [item.task for item in second.results if item.outcome not in ("ok", "skipped")] == []
    assert (second.outcome, second.changed) == ("ok", 0)
    assert made.shell("plugin", "cat /var/lib/powerx/plugins/*/run/plugin.pid") == pid

    by_hand = made.by_hand("deploy-plugin", "deploy")
    assert by_hand.returncode == 0, by_hand.stdout + by_hand.stderr
    assert "changed=0" in by_hand.stdout
    assert planted_in(made, made.settings.home) == []


def test_each_task_has_a_record_keyed_by_step_attempt_task_and_host(made: Sandbox, packed: Package) -> None:
    done = made.run("deploy-plugin", "deploy", made.deploy_variables(packed), attempt=7)
    records = [record for record in log.read(made.log) if record.attempt == 7]
    assert {(record.task, record.host) for record in records} == {(item.task, item.host) for item in done.results}
    assert {record.step for record in records} == {"deploy"}
    assert set(task_results.keys(records, "deploy", 7)) == {item.key for item in done.results}
    assert log.verify(made.log).problems == []


def test_a_result_under_no_log_stays_hidden_in_its_record(made: Sandbox) -> None:
    hidden = [record for record in log.read(made.log) if "role and a schema" in record.task]
    assert hidden
    assert all(record.details["censored"] for record in hidden)


def test_the_plugins_role_is_confined_to_its_schema(made: Sandbox) -> None:
    query = (
        "SELECT rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolinherit, rolreplication, rolbypassrls,"
        f" left(rolpassword, 18) FROM pg_authid WHERE rolname = '{ROLE}'"
    )
    assert made.shell("database", f'psql -XqAt -d sandbox -c "{query}"').strip() == "t|f|f|f|f|f|f|SCRAM-SHA-256$4096"
    owned = f"SELECT nspname FROM pg_namespace WHERE pg_get_userbyid(nspowner) = '{ROLE}'"
    assert made.shell("database", f'psql -XqAt -d sandbox -c "{owned}"').strip() == SCHEMA
    shown = made.shell("database", "psql -XqAt -d sandbox -c 'SELECT query FROM pg_stat_statements'")
    assert "SCRAM-SHA-256" not in shown


def test_the_plugins_process_may_not_fork_and_runs_in_its_own_directory(made: Sandbox) -> None:
    status = made.shell(
        "plugin", "p=$(cat /var/lib/powerx/plugins/*/run/plugin.pid); cat /proc/$p/status; ls -l /proc/$p/cwd"
    )
    assert "Seccomp:\t2" in status
    assert "/var/lib/powerx/plugins/com.powerx.plugins.customer-desk/package" in status


def test_a_package_with_another_hash_is_refused_and_nothing_is_unpacked(made: Sandbox, packed: Package) -> None:
    variables = {
        **made.deploy_variables(packed),
        "plugin_deploy_id": "com.powerx.plugins.other",
        "plugin_deploy_sha256": "sha256:" + "0" * 64,
    }
    done = made.run("deploy-plugin", "deploy", variables, attempt=3)
    assert done.outcome == "failed"
    assert "S-11" in done.failures[0].message
    assert done.missing_records == ()
    assert "package" not in made.shell("plugin", "ls /var/lib/powerx/plugins/com.powerx.plugins.other").split()


def test_the_node_plugin_takes_the_place_of_the_python_one(made: Sandbox, tmp_path: Path) -> None:
    variables = made.deploy_variables(packed_example(tmp_path, "node"))
    made.shell("plugin", "kill $(cat /var/lib/powerx/plugins/*/run/plugin.pid)")
    done = made.run("deploy-plugin", "deploy", variables, attempt=8)
    assert (done.outcome, done.failures) == ("ok", ())
    assert "node" in made.shell("plugin", "ps -eo args")


def test_by_hand_every_missing_variable_is_told_at_once(made: Sandbox) -> None:
    write_json(made.folder / "vars" / "short.json", {"plugin_deploy_role": ROLE})
    done = made.by_hand("deploy-plugin", "short")
    assert done.returncode != 0
    assert "plugin_deploy_schema" in done.stdout
    assert "plugin_deploy_password_file" in done.stdout


def test_a_plugin_that_does_not_become_healthy_fails_with_the_end_of_its_log(
    made: Sandbox, packed: Package, tmp_path: Path
) -> None:
    variables = {
        **made.deploy_variables(packed),
        "plugin_deploy_id": "com.powerx.plugins.broken",
        "plugin_deploy_command": ["python3", "-c", "print('out of paper', flush=True)"],
        "plugin_deploy_health_url": "http://127.0.0.1:1/healthz",
        "plugin_deploy_health_timeout": 5,
    }
    done = made.run("deploy-plugin", "deploy", variables, attempt=5)
    assert done.outcome == "failed"
    assert "its process has ended" in done.failures[0].message
    assert "out of paper" in done.failures[0].message


def test_a_migration_that_fails_tells_its_output_and_the_plugin_is_not_started(made: Sandbox, packed: Package) -> None:
    variables = {
        **made.deploy_variables(packed),
        "plugin_deploy_id": "com.powerx.plugins.unmigrated",
        "plugin_deploy_migration_command": ["python3", "-c", "raise SystemExit('no such column')"],
    }
    done = made.run("deploy-plugin", "deploy", variables, attempt=6)
    assert "no such column" in done.failures[0].message
    assert "plugin.pid" not in made.shell("plugin", "ls /var/lib/powerx/plugins/com.powerx.plugins.unmigrated/run")
