"""The sandbox under test: one warm session per container. By hand: `pytest tests/sandbox --job JOB`."""

import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite.core.files import read_json
from sandbox_suite.core.settings import Settings, settings
from sandbox_suite.verification.collecting import Collector

PARTS = ("database", "plugin", "runner")
MISSING = "tests/sandbox checks one living sandbox: say which with --job JOB (`./invoke sandbox.list` shows them)"


class Sandbox:
    """What a job's folder says of its sandbox, and the way into its containers."""

    def __init__(self, job: str, folder: Path, used: Settings) -> None:
        self.job, self.folder, self.settings = job, folder, used
        self.plan: dict[str, Any] = read_json(folder / "plan.json")
        self.outputs: dict[str, Any] = read_json(folder / "outputs.json")
        self._hosts: dict[str, Any] = {}

    @property
    def parts(self) -> list[str]:
        """Return the parts that there are."""
        return [part for part in PARTS if part in self.outputs["containers"]]

    def host(self, part: str) -> Any:
        """Return testinfra's host for a part."""
        if part not in self._hosts:
            from sandbox_suite.sessions import holder, testinfra
            from sandbox_suite.sessions.client import Client

            container = self.outputs["containers"][part]
            socket = holder.ensure(self.settings.runtime)
            self._hosts[part] = testinfra.host(Client(socket, container["name"], container["user"]))
        return self._hosts[part]

    @cached_property
    def inspected(self) -> dict[str, dict[str, Any]]:
        """Return what the engine says of each container."""
        from sandbox_suite.engine.connection import client

        engine = client()
        containers = self.outputs["containers"]
        return {part: engine.inspect_container(containers[part]["name"]) for part in self.parts}

    def everywhere(self, ask: Callable[[Any], Any]) -> dict[str, Any]:
        """Ask every part at once: part -> answer."""
        hosts = {part: self.host(part) for part in self.parts}
        with ThreadPoolExecutor(len(hosts)) as pool:
            return dict(zip(hosts, pool.map(ask, hosts.values()), strict=True))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --job."""
    parser.addoption("--job", default=None, help="id of the job whose sandbox is checked")


def pytest_configure(config: pytest.Config) -> None:
    """Say what is missing, in one line."""
    job = config.getoption("--job", None)
    if not job:
        raise pytest.UsageError(MISSING)
    place = next((plugin for plugin in config.pluginmanager.get_plugins() if isinstance(plugin, Collector)), None)
    used = place.settings if place else settings()
    folder = place.folder if place else used.job(job)
    absent = [name for name in ("plan.json", "outputs.json") if not (folder / name).is_file()]
    if absent:
        raise pytest.UsageError(f"job {job} has no {' and no '.join(absent)} in {folder}: is its sandbox provisioned?")
    config.stash[SANDBOX] = Sandbox(job, folder, used)


SANDBOX = pytest.StashKey[Sandbox]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One check per part of the sandbox, or per table of the dataset."""
    sandbox = metafunc.config.stash[SANDBOX]
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", sandbox.parts)
    if "proof" in metafunc.fixturenames:
        proofs = sandbox.plan["dataset"]["proofs"]
        metafunc.parametrize("proof", proofs, ids=[proof["table"] for proof in proofs])


@pytest.fixture(scope="session")
def sandbox(pytestconfig: pytest.Config) -> Sandbox:
    """The sandbox under test."""
    return pytestconfig.stash[SANDBOX]


@pytest.fixture(scope="session")
def plan(sandbox: Sandbox) -> dict[str, Any]:
    """The job's resolved plan."""
    return sandbox.plan


@pytest.fixture
def host(sandbox: Sandbox, request: pytest.FixtureRequest) -> Any:
    """testinfra's host of the part that the check is about."""
    return sandbox.host(request.getfixturevalue("part"))


@pytest.fixture(scope="session")
def plugin(sandbox: Sandbox) -> Any:
    """testinfra's host of the plugin."""
    return sandbox.host("plugin")


@pytest.fixture(scope="session")
def runner(sandbox: Sandbox) -> Any:
    """testinfra's host of the runner."""
    return sandbox.host("runner")


@pytest.fixture(scope="session")
def plugin_folder(plan: dict[str, Any]) -> str:
    """The plugin's own directory."""
    return f"/var/lib/powerx/plugins/{plan['plugin']['id']}"


@pytest.fixture(scope="session")
def sql(sandbox: Sandbox) -> Callable[[str], str]:
    """Ask the database as its owner: unaligned text, one row a line."""
    database = sandbox.host("database")

    def ask(query: str) -> str:
        return str(database.check_output(_psql(query)))

    return ask


@pytest.fixture(scope="session")
def as_plugin(sandbox: Sandbox, plan: dict[str, Any]) -> Callable[..., dict[str, str]]:
    """Try statements with the rights of the plugin's role: statement -> SQLSTATE, empty where it worked.

    Each is rolled back, whatever it did.
    """
    database = sandbox.host("database")
    role = plan["role"].replace('"', '""')

    def attempt(*statements: str) -> dict[str, str]:
        tries = [step for text in statements for step in ("BEGIN", text, "ROLLBACK", r"\warn after")]
        become = f'SET SESSION AUTHORIZATION "{role}"'
        said = database.run(_psql(become, *tries, options="--set=VERBOSITY=sqlstate")).stderr.split("after\n")
        assert len(said) == len(statements) + 1, said
        return {
            text: words.strip().removeprefix("ERROR:").strip() for text, words in zip(statements, said, strict=False)
        }

    return attempt


def _psql(*statements: str, options: str = "--set=ON_ERROR_STOP=1") -> str:
    always = "--no-psqlrc --quiet --tuples-only --no-align --host=/tmp --dbname=sandbox"
    return " ".join(["psql", always, options, *(f"--command={shlex.quote(statement)}" for statement in statements)])
