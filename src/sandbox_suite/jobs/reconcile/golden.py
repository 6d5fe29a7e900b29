"""What is there of golden databases besides whole ones: what killed builds left, and what nothing needs."""

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from sandbox_suite.core.clock import Clock
from sandbox_suite.core.settings import Settings
from sandbox_suite.datasets import golden, golden_images, operation, retention
from sandbox_suite.datasets.store import Store
from sandbox_suite.jobs import dataset_use
from sandbox_suite.jobs.reconcile.model import GoldenFacts
from sandbox_suite.toolchain.images import references

if TYPE_CHECKING:
    import docker

MARK = ".volume"  # how the note beside the locks ends that says a volume is whole


def facts(settings: Settings, client: "docker.APIClient", clock: Clock) -> GoldenFacts:
    """Look."""
    return GoldenFacts(
        builders=tuple(sorted(_builders(settings, client))),
        marks=tuple(sorted(_marks(settings, client))),
        unused=tuple(sorted(_unused(settings, client, clock))),
    )


def _builders(settings: Settings, client: "docker.APIClient") -> Iterator[str]:
    """Yield the containers of this home's builds that nobody works on any more."""
    locks = settings.home / "locks"
    for found in client.containers(all=True, filters={"name": golden.builder("[0-9a-f]+", locks)}):
        name = found["Names"][0].lstrip("/")
        if is_abandoned(settings, name):
            yield name


def is_abandoned(settings: Settings, builder: str) -> bool:
    """Whether no process holds the lock of the build that a container belongs to."""
    lock = settings.home / "locks" / f"golden-{builder.split('-')[-2]}.lock"
    if not lock.exists():
        return True
    try:
        with FileLock(lock, timeout=0):
            return True
    except Timeout:
        return False


def _marks(settings: Settings, client: "docker.APIClient") -> Iterator[str]:
    noted = {path.name.removesuffix(MARK) for path in (settings.home / "locks").glob(f"*{MARK}")}
    if noted:
        there = {one["Name"] for one in client.volumes(filters={"label": golden.LABEL})["Volumes"] or []}
        yield from noted - there


def _unused(settings: Settings, client: "docker.APIClient", clock: Clock) -> list[str]:
    """Return the golden images and volumes that `dataset.gc` would remove."""
    rules = operation.load(settings.config).retention
    uses = dataset_use.of(settings, clock() - datetime.timedelta(days=rules.jobs_days))
    used = retention.Used(
        frozenset(use.reference for use in uses if use.reference),
        frozenset(use.digest for use in uses if use.digest),
        frozenset(use.image for use in uses if use.image),
    )
    store = Store(settings.home / "datasets")
    stay = retention.kept(store, rules, used)
    return [
        name
        for name, _ in golden_images.unused(client, settings.home, store, stay, used.images, references()["database"])
    ]
