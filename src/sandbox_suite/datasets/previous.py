"""Which stored version a new one is compared with: the one that is current, else the last other one that was stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox_suite.datasets.coverage import Schema
from sandbox_suite.datasets.sources import stored
from sandbox_suite.datasets.store import Store


@dataclass(frozen=True)
class Previous:
    """A stored version's reference and columns."""

    reference: str  # name@version
    schema: Schema


def version(name: str, number: str, root: Path) -> Previous | None:
    """Return what `name@number` follows; None where nothing else of that name is stored."""
    if not (root / "ref").is_dir():
        return None
    store = Store(root)
    others = {other: digest for known, other, digest in store.names("raw") if known == name and other != number}
    current = store.pointer("current", name)
    wanted = store.manifest(current)["version"] if current else ""
    chosen = wanted if wanted in others else max((other for other in others if other < number), default="")
    if not chosen:
        return None
    tables = store.manifest(others[chosen])["tables"]
    return Previous(f"{name}@{chosen}", {table: stored.columns(spec) for table, spec in tables.items()})
