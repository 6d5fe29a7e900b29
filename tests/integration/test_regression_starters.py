"""Every starter passes at once against the example plugin, in a real runner; `suite.check` runs one there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox_suite.core.clock import utc_now
from sandbox_suite.core.errors import RequestError
from sandbox_suite.core.files import write_json
from sandbox_suite.core.settings import CHECKOUT
from sandbox_suite.jobs import suite_check, table
from sandbox_suite.jobs.database import Database
from sandbox_suite.jobs.events import Journal
from sandbox_suite.jobs.model import Job, Request, State
from sandbox_suite.plugins import check, package
from sandbox_suite.regression import results, starters, suites
from sandbox_suite.regression.results import Results
from sandbox_suite.regression.suites import Suite
from sandbox_suite.toolchain import images, ping
from tests.integration.converge_sandbox import ROLE, Sandbox, packed_example, sandbox
from tests.integration.verification_sandbox import DATASET

pytestmark = pytest.mark.docker
HERE = [language for language in starters.LANGUAGES if language != "java"]  # what the runner has, and Go's binary
JAVA = "openjdk-17-jre-headless"


@contextmanager
def deployed(home: Path, packed: package.Package, runner: str = "") -> Iterator[Sandbox]:
    """Start a sandbox in which the example plugin serves a dataset."""
    grants = {table: ["select"] for table in ("customers", "orders", "notes")}
    loading = {"dataset_load_proofs": [], "dataset_load_grants": grants, "dataset_load_role": ROLE}
    with sandbox(home, runner=runner, dataset=DATASET) as there:
        there.run("deploy-plugin", "deploy", there.deploy_variables(packed)).raise_for_failure()
        there.run("load-dataset", "load", loading).raise_for_failure()
        yield there


def ran_in(there: Sandbox, found: list[Suite]) -> Results:
    """Run suites by the role, collect what they left and read it."""
    variables = {"suite_run_id": "r1", "suite_run_parallel": 2, "suite_run_suites": [suite.entry() for suite in found]}
    there.run("run-regression", "regress", variables).raise_for_failure()
    fetched = {"report_collect_folder": str(there.folder / "artifacts"), "report_collect_run_id": "r1"}
    there.run("collect-reports", "collect", fetched).raise_for_failure()
    return results.read(there.folder / "artifacts", found)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> package.Package:
    return packed_example(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, packed: package.Package) -> Iterator[Sandbox]:
    with deployed(tmp_path_factory.mktemp("home"), packed) as there:
        yield there


@pytest.fixture(scope="module")
def ran(made: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("suites")
    there = [starters.make(language, language, folder) for language in HERE]
    return ran_in(made, [suites.load(one.folder) for one in there if not one.to_do])


@pytest.mark.parametrize("language", HERE)
def test_starter_passes_at_once_with_every_case_it_declares(language: str, ran: Results) -> None:
    if language == "go" and not shutil.which("go"):
        pytest.skip("`go` is not on this machine, and the starter is built with it")
    cases = [case for case in ran.cases if case.suite == language]
    assert [(case.name, case.message) for case in cases if case.outcome != "passed"] == []
    assert len(cases) >= 3
    assert all(case.seconds > 0 for case in cases)


def test_starters_leave_nothing_to_note(ran: Results) -> None:
    assert (ran.notes, ran.undeclared) == ((), ())


def test_java_starter_passes_in_the_runner_that_has_java(tmp_path: Path, packed: package.Package) -> None:
    image = images.references(packages=JAVA)["runner"]
    if not shutil.which("javac"):
        pytest.skip("`javac` is not on this machine, and the starter is built with it")
    if image not in ping.image_references(images.REPOSITORY):
        pytest.skip(f"the runner with Java is not built here; SANDBOX_RUNNER_PACKAGES={JAVA} ./invoke ops.prepare does")
    suite = suites.load(starters.make("java", "java", tmp_path).folder)
    with deployed(tmp_path / "home", packed, image) as there:
        found = ran_in(there, [suite])
    assert [(case.name, case.outcome) for case in found.cases] == [(case, "passed") for case in suite.manifest.cases]


@pytest.fixture(scope="module")
def job(made: Sandbox, packed: package.Package) -> Job:
    """Return the job whose kept sandbox this is, as far as a check asks for one."""
    database = Database(made.settings.home)
    table.submit(database, made.job, Request("smoke", "acme", "tester", keep=True), "2026-01-01T00:00:00.000Z")
    Journal(database, made.job, utc_now).write("started", "provision", attempt=1)
    manifest = check.plugin(CHECKOUT / "examples" / "plugins" / "customer-desk-python")[1]
    assert manifest
    plugin = {"id": packed.id, "version": packed.version, "manifest": manifest.model_dump(mode="json")}
    write_json(made.folder / "plan.json", {"plugin": plugin})
    table.move(database, made.job, State.RUNNING)
    return table.move(database, made.job, State.KEPT)


def test_check_runs_a_suite_beside_the_results_of_the_job(
    made: Sandbox, job: Job, ran: Results, tmp_path: Path
) -> None:
    suite = suites.load(starters.make("http", "tried", tmp_path).folder)
    (suite.folder / "requests.yaml").write_text(
        "requests: [{name: health, get: /healthz}, {name: wrong, get: /healthz, expect: {json: {$.status: bad}}}]"
    )
    suite = suites.load(suite.folder)
    before = made.shell("runner", "cat /tmp/results/run.json")
    said = []
    for check_id in ("c1", "c2"):
        said.append(suite_check.run(made.settings, job, suite, check_id, "me", utc_now, lambda _: None))
    for checked in said:
        assert [(row[0], row[2]) for row in checked.rows()] == [("passed", "health"), ("failed", "wrong")]
        assert 'expected "bad", found "ok"' in checked.rows()[1][3]
    assert (said[0].folder / "tried.log").exists()
    assert made.shell("runner", "cat /tmp/results/run.json") == before
    assert "suite.check" in (made.folder / "audit.jsonl").read_text()


def test_check_needs_a_sandbox_at_rest(made: Sandbox, job: Job, tmp_path: Path) -> None:
    suite = suites.load(starters.make("http", "tried", tmp_path).folder)
    database = Database(made.settings.home)
    running = table.move(database, job.id, State.RUNNING)
    with pytest.raises(RequestError, match="is running"):
        suite_check.run(made.settings, running, suite, "c3", "me", utc_now, lambda _: None)
    table.move(database, job.id, State.KEPT)
    other = table.submit(database, "jother", Request("smoke", "acme", "tester"), "2026-01-01T00:00:00.000Z")
    table.move(database, "jother", State.RUNNING)
    other = table.move(database, "jother", State.DONE)
    with pytest.raises(RequestError, match="has no sandbox"):
        suite_check.run(made.settings, other, suite, "c4", "me", utc_now, lambda _: None)
