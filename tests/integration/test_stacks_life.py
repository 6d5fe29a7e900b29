"""A sandbox's life on the real engines: up, drift, limits, kills, destroy, sweep."""

import dataclasses
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox_suite import engine
from sandbox_suite.core.errors import InfrastructureError
from sandbox_suite.core.progress import silent
from sandbox_suite.core.settings import CHECKOUT, Settings, load
from sandbox_suite.engine import inventory, removal
from sandbox_suite.stacks import listing, stack, state, subnets
from sandbox_suite.stacks.spec import PARTS, PartLimits, StackSpec
from sandbox_suite.stacks.workspace import Workspace
from sandbox_suite.toolchain import images, pulumi_path

pytestmark = pytest.mark.docker

UP = """
import dataclasses, sys
from pathlib import Path
from sandbox_suite.core.settings import CHECKOUT, load
from sandbox_suite.stacks import stack
from sandbox_suite.stacks.spec import StackSpec
folder, spec, pulumi, home, subnets, prefix = sys.argv[1:]
place = load(CHECKOUT / "absent.yaml", {"SANDBOX_HOME": home})
place = dataclasses.replace(place, subnets=subnets, subnet_prefix=int(prefix))
stack.up(Path(folder), StackSpec.read(spec), Path(pulumi), settings=place)
"""
WAIT_SECONDS = 60.0


@dataclass
class Sandbox:
    """One job's sandbox, its verbs with everything filled in."""

    client: Any
    settings: Settings
    pulumi: Path
    spec: StackSpec

    @property
    def folder(self) -> Path:
        return self.settings.job(self.spec.job)

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.folder, self.spec.job, self.settings.home, self.pulumi)

    def up(self, spec: StackSpec | None = None) -> dict[str, Any]:
        return stack.up(self.folder, spec or self.spec, self.pulumi, settings=self.settings)

    def repair(self) -> dict[str, Any]:
        return stack.repair(self.folder, self.spec, self.pulumi, settings=self.settings)

    def refresh(self) -> dict[str, list[str]]:
        return stack.refresh(self.folder, self.spec.job, self.pulumi, settings=self.settings)

    def destroy(self) -> list[str]:
        return stack.destroy(
            self.folder, self.spec.job, self.pulumi, installation=self.spec.installation, settings=self.settings
        )

    def up_elsewhere(self) -> "subprocess.Popen[bytes]":
        """Start `up` in a process of its own."""
        place = self.settings
        spec = json.dumps(self.spec.as_dict())
        words = [str(self.folder), spec, str(self.pulumi), str(place.home), place.subnets, str(place.subnet_prefix)]
        environment = {**os.environ, "PYTHONPATH": f"{CHECKOUT / 'src'}:{CHECKOUT}"}
        return subprocess.Popen([sys.executable, "-c", UP, *words], env=environment, stderr=subprocess.DEVNULL)

    def held(self) -> list[inventory.Item]:
        return inventory.items(self.client, self.spec.installation, self.spec.job)

    def changes(self) -> dict[str, int]:
        return state.last_changes(self.workspace)

    def inspect(self, part: str) -> dict[str, Any]:
        return dict(self.client.inspect_container(f"{self.spec.name}-{part}"))


@pytest.fixture(scope="module")
def client() -> Any:
    try:
        return engine.client()
    except InfrastructureError as error:
        pytest.skip(f"no Docker engine: {error.explanation.what}")


@pytest.fixture(scope="module")
def parts(client: Any) -> dict[str, str]:
    images.prepare(load(CHECKOUT / "absent.yaml", dict(os.environ)), silent)
    return {part: reference for part, reference in images.references().items() if part in PARTS}


@pytest.fixture(scope="module")
def make(
    client: Any, parts: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Sandbox]]:
    """Return a maker of sandboxes; whatever a test left of them is swept at the end."""
    pulumi = pulumi_path(load(CHECKOUT / "absent.yaml", dict(os.environ)))
    home = tmp_path_factory.mktemp("home")
    settings = load(CHECKOUT / "absent.yaml", {"SANDBOX_HOME": str(home)})
    installation, made = f"test-{secrets.token_hex(4)}", list[Sandbox]()

    def one() -> Sandbox:
        spec = StackSpec(
            job=f"t{secrets.token_hex(5)}",
            tenant="acme",
            installation=installation,
            expires_at="2026-01-01T00:00:00.000Z",
            images=parts,
            parts={part: PartLimits(cpus=0.5, memory_mb=256, pids=90, tmpfs_mb=96) for part in PARTS},
        )
        made.append(Sandbox(client, settings, pulumi, spec))
        return made[-1]

    yield one
    for sandbox in made:
        removal.sweep(client, installation, sandbox.spec.job)


@pytest.fixture
def sandbox(make: Callable[[], Sandbox]) -> Sandbox:
    return make()


@pytest.fixture(scope="module")
def ready(make: Callable[[], Sandbox]) -> Sandbox:
    """A sandbox that is up, for tests that look and change nothing."""
    one = make()
    one.up()
    return one


def test_the_outputs_say_what_was_made_and_are_in_the_jobs_folder(ready: Sandbox) -> None:
    found = json.loads((ready.folder / "outputs.json").read_text())
    assert {key: found[key] for key in ("job", "tenant", "network", "expires_at")} == {
        "job": ready.spec.job,
        "tenant": "acme",
        "network": ready.spec.name,
        "expires_at": "2026-01-01T00:00:00.000Z",
    }
    assert set(found) == {"job", "tenant", "network", "subnet", "expires_at", "containers"}
    assert found["containers"]["database"] == {
        "name": f"{ready.spec.name}-database",
        "id": ready.inspect("database")["Id"],
        "image": ready.spec.images["database"],
        "user": "postgres",
    }
    assert found["subnet"] == ready.client.inspect_network(ready.spec.name)["IPAM"]["Config"][0]["Subnet"]


@pytest.mark.parametrize("part", PARTS)
def test_every_container_is_hardened_and_limited(ready: Sandbox, part: str) -> None:
    host = ready.inspect(part)["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["Init"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert (host["Memory"], host["MemorySwap"]) == (256 << 20, 256 << 20)
    assert (host["NanoCpus"], host["PidsLimit"]) == (500_000_000, 90)
    assert host["NetworkMode"] == ready.spec.name
    assert all({"noexec", "nosuid", "nodev"} <= set(options.split(",")) for options in host["Tmpfs"].values())


def test_every_part_is_labelled_and_runs_as_its_own_user(ready: Sandbox) -> None:
    users = {part: ready.inspect(part)["Config"]["User"] for part in PARTS}
    assert users == {"database": "postgres", "plugin": "powerx", "runner": "runner"}
    assert {item.part for item in ready.held() if item.kind == "container"} == set(PARTS)
    assert {(item.job, item.tenant, item.expires_at) for item in ready.held()} == {
        (ready.spec.job, "acme", "2026-01-01T00:00:00.000Z")
    }


def test_the_network_leads_nowhere_and_the_host_has_no_address_on_it(ready: Sandbox) -> None:
    network = ready.client.inspect_network(ready.spec.name)
    assert network["Internal"]
    assert network["Options"]["com.docker.network.bridge.inhibit_ipv4"] == "true"
    attached = ready.inspect("plugin")["NetworkSettings"]["Networks"]
    assert list(attached) == [ready.spec.name]
    assert "plugin" in attached[ready.spec.name]["Aliases"]


def test_a_second_up_changes_nothing(ready: Sandbox) -> None:
    before = {item.id for item in ready.held()}
    ready.up(dataclasses.replace(ready.spec, expires_at="2027-01-01T00:00:00.000Z"))  # a lease that was renewed
    assert set(ready.changes()) == {"same"}
    assert {item.id for item in ready.held()} == before


def test_the_state_is_listed_without_pulumi(ready: Sandbox) -> None:
    found = {one.job: one for one in listing.stacks(ready.settings.home, ready.held())}[ready.spec.job]
    assert (found.running, found.last, found.interrupted, found.orphaned) == (3, "update succeeded", False, False)


def test_any_pulumi_command_runs_in_a_jobs_workspace_the_program_included(ready: Sandbox) -> None:
    arguments = ["preview", "--refresh", "--expect-no-changes"]
    with stack.command(ready.folder, ready.spec.job, arguments, ready.pulumi, settings=ready.settings) as command:
        done = subprocess.run(
            command.argv, cwd=command.folder, env={**os.environ, **command.environment}, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workspace_also_works_with_no_process_of_ours_about(ready: Sandbox) -> None:
    environment = {**os.environ, **ready.workspace.environment(), "SANDBOX_PYTHON": sys.executable}
    argv = [str(ready.pulumi), "refresh", "--yes", "--skip-preview", "--expect-no-changes", "--non-interactive"]
    argv += ["--stack", ready.workspace.stack]
    done = subprocess.run(argv, cwd=ready.workspace.work, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_secret_is_in_the_stacks_folder(ready: Sandbox) -> None:
    passphrase = (ready.settings.home / "secrets" / "pulumi-passphrase").read_bytes()
    assert len(passphrase) > 30
    assert not [path for path in ready.workspace.root.rglob("*") if path.is_file() and passphrase in path.read_bytes()]


def test_a_container_removed_by_hand_is_found_and_put_back(sandbox: Sandbox) -> None:
    sandbox.up()
    sandbox.client.remove_container(f"{sandbox.spec.name}-runner", force=True)
    assert sandbox.refresh() == {"removed": [f"{sandbox.spec.name}-runner"], "changed": []}
    assert sandbox.repair()["containers"]["runner"]["id"] == sandbox.inspect("runner")["Id"]
    assert sandbox.destroy() == []


def test_limits_change_in_place_where_the_engine_can_and_drift_of_them_is_undone(sandbox: Sandbox) -> None:
    before = sandbox.up()["containers"]["plugin"]["id"]
    more = dataclasses.replace(sandbox.spec.parts["plugin"], memory_mb=320)
    sandbox.spec = dataclasses.replace(sandbox.spec, parts={**sandbox.spec.parts, "plugin": more})
    assert sandbox.up()["containers"]["plugin"]["id"] == before
    assert sandbox.changes() == {"same": 9, "update": 1}
    assert sandbox.inspect("plugin")["HostConfig"]["Memory"] == 320 << 20

    sandbox.client.update_container(before, mem_limit="200m", memswap_limit="200m")
    assert sandbox.refresh() == {"removed": [], "changed": [f"{sandbox.spec.name}-plugin"]}
    sandbox.up()
    assert sandbox.inspect("plugin")["HostConfig"]["Memory"] == 320 << 20

    fewer = dataclasses.replace(more, pids=60)
    sandbox.spec = dataclasses.replace(sandbox.spec, parts={**sandbox.spec.parts, "plugin": fewer})
    assert sandbox.up()["containers"]["plugin"]["id"] != before
    assert sandbox.inspect("plugin")["HostConfig"]["PidsLimit"] == 60


def test_destroy_leaves_nothing_and_may_be_repeated(sandbox: Sandbox) -> None:
    sandbox.up()
    assert sandbox.destroy() == []
    assert sandbox.held() == []
    assert not sandbox.workspace.root.exists()
    assert sandbox.destroy() == []


def test_a_lost_state_is_destroyed_by_label(sandbox: Sandbox) -> None:
    sandbox.up()
    shutil.rmtree(sandbox.workspace.root)
    name = sandbox.spec.name
    assert sorted(sandbox.destroy()) == sorted([f"network {name}", *(f"container {name}-{part}" for part in PARTS)])
    assert sandbox.held() == []


def test_a_state_file_cut_in_the_middle_is_begun_anew_and_takes_over_what_is_there(sandbox: Sandbox) -> None:
    network = sandbox.up() and sandbox.client.inspect_network(sandbox.spec.name)["Id"]
    whole = sandbox.workspace.checkpoint.read_bytes()
    sandbox.workspace.checkpoint.write_bytes(whole[: len(whole) // 2])
    sandbox.up()
    assert sandbox.client.inspect_network(sandbox.spec.name)["Id"] == network
    assert len(sandbox.held()) == 4
    assert sandbox.destroy() == []


@pytest.mark.parametrize("seen", ["network", "container"])
def test_an_up_killed_in_the_middle_is_resumed(sandbox: Sandbox, seen: str) -> None:
    _interrupt(sandbox, seen, signal.SIGKILL)
    assert [one.job for one in listing.stacks(sandbox.settings.home, []) if one.interrupted] == [sandbox.spec.job]
    outputs = sandbox.up()
    assert {item.id for item in sandbox.held() if item.kind == "container"} == {
        one["id"] for one in outputs["containers"].values()
    }
    assert [item.state for item in sandbox.held() if item.kind == "container"] == ["running"] * 3
    sandbox.repair()
    assert set(sandbox.changes()) == {"same"}
    assert sandbox.destroy() == []
    assert sandbox.held() == []


def test_an_up_killed_in_the_middle_is_destroyed_without_a_trace(sandbox: Sandbox) -> None:
    _interrupt(sandbox, "container", signal.SIGKILL)
    sandbox.destroy()
    assert sandbox.held() == []
    assert not sandbox.workspace.root.exists()


def test_an_up_told_to_end_finishes_what_is_under_way_and_records_it(sandbox: Sandbox) -> None:
    _interrupt(sandbox, "container", signal.SIGTERM)
    assert state.settle(sandbox.workspace) == state.Interruption(locks=0, pending=0)
    recorded = {one["id"] for one in state.resources(state.latest(sandbox.workspace)).values() if "id" in one}
    assert {item.id for item in sandbox.held()} <= recorded
    assert sandbox.destroy() == []


def test_a_subnet_that_somebody_took_meanwhile_is_given_up_for_another(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, real = "10.214.77.0/28", subnets.free
    answers = iter([taken])
    monkeypatch.setattr(subnets, "free", lambda *asked: next(answers, None) or real(*asked))
    foreign = sandbox.client.create_network(
        f"other-{sandbox.spec.job}", ipam={"Driver": "default", "Config": [{"Subnet": taken}]}
    )["Id"]
    try:
        assert sandbox.up()["subnet"] != taken
    finally:
        sandbox.client.remove_network(foreign)
    assert sandbox.destroy() == []


def test_two_jobs_at_once_get_two_subnets_of_a_range_of_two(make: Callable[[], Sandbox]) -> None:
    both = [make(), make()]
    for one in both:
        one.settings = dataclasses.replace(one.settings, subnets="10.214.78.0/28", subnet_prefix=29)
        one.folder.mkdir(parents=True)
    started = [one.up_elsewhere() for one in both]
    assert [process.wait(WAIT_SECONDS) for process in started] == [0, 0]
    found = {json.loads((one.folder / "outputs.json").read_text())["subnet"] for one in both}
    assert found == {"10.214.78.0/29", "10.214.78.8/29"}
    assert [one.destroy() for one in both] == [[], []]


def test_a_name_that_is_taken_is_told_and_its_owner_is_left_alone(sandbox: Sandbox) -> None:
    name = f"{sandbox.spec.name}-runner"
    foreign = sandbox.client.create_container(sandbox.spec.images["runner"], ["sleep", "infinity"], name=name)["Id"]
    try:
        with pytest.raises(
            InfrastructureError, match=f"container `{name}` is there already and was not made by Pulumi"
        ):
            sandbox.up()
        sandbox.destroy()
        assert sandbox.client.inspect_container(name)["Id"] == foreign
        assert sandbox.held() == []
    finally:
        sandbox.client.remove_container(foreign, force=True)


def test_an_image_that_is_missing_is_told_in_dockers_words_not_in_a_traceback(sandbox: Sandbox) -> None:
    spec = dataclasses.replace(sandbox.spec, images={**sandbox.spec.images, "runner": "sandbox-suite/absent:0"})
    with pytest.raises(InfrastructureError) as raised:
        sandbox.up(spec)
    assert "No such image: sandbox-suite/absent:0" in raised.value.explanation.what
    assert "Traceback" not in raised.value.explanation.what
    sandbox.destroy()
    assert sandbox.held() == []


def _interrupt(sandbox: Sandbox, seen: str, how: signal.Signals) -> None:
    """Start an `up` and end it as soon as the engine has the first thing of a kind; its CLI has to end with it."""
    sandbox.folder.mkdir(parents=True)
    process = sandbox.up_elsewhere()
    until = time.monotonic() + WAIT_SECONDS
    while not any(item.kind == seen for item in sandbox.held()):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(how)
    assert process.wait(WAIT_SECONDS) != 0
    while _works_on(sandbox.workspace.root):
        assert time.monotonic() < until
        time.sleep(0.01)


def _works_on(root: Path) -> list[str]:
    """Return the processes whose working folder is inside `root`."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            inside = link.readlink().is_relative_to(root)
        except OSError:
            continue
        found += [link.parent.name] if inside else []
    return found
