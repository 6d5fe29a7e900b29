"""The verbs of a stack. Each may be called in a child of a single-threaded process: no server outlives the call."""

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from filelock import FileLock, Timeout
from pulumi import automation
from pulumi.automation.errors import CommandError

from sandbox_suite import engine
from sandbox_suite.core.errors import CutError, InfrastructureError, RequestError
from sandbox_suite.core.files import write_json
from sandbox_suite.core.settings import Settings
from sandbox_suite.core.settings import settings as current_settings
from sandbox_suite.engine import inventory, limits, removal
from sandbox_suite.stacks import by_hand, diagnosis, state, subnets
from sandbox_suite.stacks.cli import KilledError, termination_raises
from sandbox_suite.stacks.docker_provider.server import running
from sandbox_suite.stacks.recorded import RecordedStack, outputs
from sandbox_suite.stacks.spec import StackSpec, check
from sandbox_suite.stacks.workspace import Provider, Workspace, require

if TYPE_CHECKING:
    import docker

CHOICES = 5  # of a subnet, when others are quicker
WAIT_SECONDS = 120.0  # for another verb on the same stack
QUIET: dict[str, Any] = {"color": "never", "suppress_progress": True, "suppress_outputs": True}


def up(
    folder: Path,
    spec: StackSpec,
    pulumi: Path,
    provider: Provider = "embedded",
    *,
    refresh: bool = False,
    settings: Settings | None = None,
) -> dict[str, Any]:
    """Make the sandbox of `spec` what it should be and return its outputs, which are in outputs.json too.

    A second `up` changes nothing. One after a kill takes over what the killed one left. A subnet that was chosen, and
    the expiry on the labels, stay what they were: a running container's labels cannot be changed.
    """
    check(spec)
    workspace, client = _workspace(folder, spec.job, require(pulumi), provider, settings), engine.client()
    with held(workspace), termination_raises():
        if workspace.checkpoint.exists() and not state.readable(workspace):
            workspace.forget()  # what it knew of is adopted by its labels
        interrupted = bool(state.settle(workspace))
        found = _up(workspace, client, spec, refresh or interrupted, settings or current_settings())
    if provider == "official":
        limits.apply_pids(client, spec.installation, spec.job)
    write_json(folder / "outputs.json", found, 0o600)
    return found


def repair(
    folder: Path, spec: StackSpec, pulumi: Path, provider: Provider = "embedded", *, settings: Settings | None = None
) -> dict[str, Any]:
    """Look at what is there, and put back what is missing or was changed."""
    return up(folder, spec, pulumi, provider, refresh=True, settings=settings)


def refresh(
    folder: Path, job: str, pulumi: Path, provider: Provider = "embedded", *, settings: Settings | None = None
) -> dict[str, list[str]]:
    """Look at what is there, record it, and return {"removed": [...], "changed": [...]} by resource name."""
    workspace = _existing(_workspace(folder, job, require(pulumi), provider, settings))
    engine.client()
    with held(workspace), termination_raises():
        state.settle(workspace)
        before = state.resources(state.latest(workspace))
        with _stack(workspace) as stack:
            _run("looked at", workspace, lambda: stack.refresh(**QUIET))
        after = state.resources(state.latest(workspace))
    return state.compare(before, after)


def destroy(
    folder: Path,
    job: str,
    pulumi: Path | None,
    provider: Provider = "embedded",
    *,
    installation: str = "",
    settings: Settings | None = None,
) -> list[str]:
    """Remove the sandbox whatever state it is in, and its stack; return what the stack knew nothing of.

    Works without the Pulumi engine and without a state too: the labels are enough. What the job recorded stays.
    """
    place = settings or current_settings()
    workspace, client = _workspace(folder, job, pulumi or Path(), provider, place), engine.client()
    with held(workspace), termination_raises():
        if pulumi and state.resources(state.latest(workspace)) and not state.settle(workspace):
            # Whatever it leaves, and whyever, is swept.
            with contextlib.suppress(InfrastructureError), _stack(workspace) as stack:
                _run("removed", workspace, lambda: stack.destroy(**QUIET))
        swept = removal.sweep(client, installation or engine.installation(place.home), job)
        shutil.rmtree(workspace.root, ignore_errors=True)
    return swept


def sweep(installation: str, job: str) -> list[str]:
    """Remove everything that carries the labels of a job, and return what it was. The last resort."""
    return removal.sweep(engine.client(), installation, job)


@contextlib.contextmanager
def command(
    folder: Path,
    job: str,
    args: Sequence[str],
    pulumi: Path,
    provider: Provider = "embedded",
    *,
    settings: Settings | None = None,
) -> Iterator[by_hand.Command]:
    """Yield the Pulumi CLI's command line for a job's stack; what it needs is served until the block ends."""
    workspace = _existing(_workspace(folder, job, require(pulumi), provider, settings))
    with by_hand.served(workspace, args) as found:
        yield found


def _up(
    workspace: Workspace, client: "docker.APIClient", spec: StackSpec, refresh: bool, place: Settings
) -> dict[str, Any]:
    wanted = _as_before(workspace, spec)
    for _ in range(CHOICES):
        if not wanted.subnet:
            taken = [one for network in client.networks() for one in inventory.subnets(network)]
            wanted = dataclasses.replace(
                wanted, subnet=subnets.free(taken, place.subnets, place.subnet_prefix, spec.job)
            )
        workspace.lay_out(wanted)
        try:
            return _apply(workspace, refresh)
        except InfrastructureError as error:
            if spec.subnet or subnets.OVERLAP not in str(error):
                raise
            last, wanted = error, dataclasses.replace(wanted, subnet="")
    raise last


def _apply(workspace: Workspace, refresh: bool) -> dict[str, Any]:
    from infra.program import program

    with _stack(workspace, program) as stack:
        _run("created", workspace, lambda: stack.up(refresh=refresh or None, **QUIET))
        workspace.keep_salt()
        return outputs(stack)


def _as_before(workspace: Workspace, spec: StackSpec) -> StackSpec:
    before = workspace.spec()
    if before is None:
        return spec
    return dataclasses.replace(spec, subnet=spec.subnet or before.subnet, expires_at=before.expires_at)


def _workspace(folder: Path, job: str, pulumi: Path, provider: Provider, settings: Settings | None) -> Workspace:
    return Workspace(folder, job, (settings or current_settings()).home, pulumi, provider)


def _existing(workspace: Workspace) -> Workspace:
    if not workspace.checkpoint.exists():
        raise RequestError(
            f"job `{workspace.job}` has no stack", remedy="`./invoke stack.list` shows the jobs that have one"
        )
    return workspace


@contextlib.contextmanager
def held(workspace: Workspace) -> Iterator[None]:
    """Let one verb at a time work on a stack: its own lock refuses, and two contenders can refuse each other."""
    try:
        if not workspace.folder.is_dir():
            workspace.folder.parent.mkdir(parents=True, exist_ok=True)
            workspace.folder.mkdir(mode=0o700, exist_ok=True)
        with FileLock(workspace.folder / "stack.lock", timeout=WAIT_SECONDS):
            yield
    except Timeout as error:
        raise InfrastructureError(
            f"another run works on stack {workspace.stack}", remedy="wait until it has ended, and try again"
        ) from error
    except requests.RequestException as error:  # an OSError too, and the root of the Docker SDK's refusals
        raise InfrastructureError(
            f"stack {workspace.stack}: Docker refused: {error}",
            left="what the engine holds of the job carries its labels",
            remedy="`./invoke ops.doctor` says whether the engine is well; then resume or destroy the job",
        ) from error
    except OSError as error:
        raise InfrastructureError(
            f"the state of stack {workspace.stack} cannot be kept: {error}",
            left="what the engine holds of the job carries its labels",
            remedy=f"make room in, or give access to, {workspace.folder}, then resume or destroy the job",
        ) from error


@contextlib.contextmanager
def _stack(workspace: Workspace, program: Callable[[], None] | None = None) -> Iterator[RecordedStack]:
    environment = workspace.environment()
    with contextlib.ExitStack() as serving:
        if workspace.provider == "embedded":
            environment["PULUMI_DEBUG_PROVIDERS"] = f"docker:{serving.enter_context(running())}"
        yield RecordedStack(workspace, environment, program)


def _run(done: str, workspace: Workspace, act: Callable[[], Any]) -> None:
    try:
        act()
    except CommandError as error:
        result = error.args[0]
        kind = CutError if isinstance(error, KilledError) else InfrastructureError
        raise kind(
            f"stack {workspace.stack} could not be {done}: {diagnosis.of(result)}",
            left=f"what was made so far is recorded in {workspace.checkpoint}",
            remedy=f"`./invoke sandbox.resume --job {workspace.job}` continues, "
            f"`./invoke sandbox.destroy --job {workspace.job}` removes it",
        ) from error
    except automation.InvalidVersionError as error:
        raise InfrastructureError(f"the Pulumi engine does not suit: {error}", remedy="./invoke ops.doctor") from error
