"""A home of a benchmark's own: nothing it does shows in the installation, and nothing of it stays."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.measuring import say
from tests.e2e.conftest import Invoke
from tests.e2e.traces import Traces

RUN = ("sandbox.run", "--plan", "smoke", "--json")


@contextlib.contextmanager
def own_home(**environment: str) -> Iterator[Invoke]:
    """Yield `./invoke` in a home that has run one job: dataset, images, worker and caches are warm."""
    with tempfile.TemporaryDirectory(prefix="sbx-bench-") as folder:
        invoke = Invoke(Path(folder))
        invoke.environment |= environment
        invoke.environment.pop("PYTHONDONTWRITEBYTECODE", None)  # compiled files count
        try:
            say("one job, not counted, to make dataset, images, worker and caches warm")
            ended = invoke(*RUN)
            if ended.code:
                raise SystemExit(f"the first job ended with {ended.code}:\n{ended.err[-3000:]}")
            yield invoke
        finally:
            invoke("ops.worker", "--stop")
            Traces(invoke.home).remove()
