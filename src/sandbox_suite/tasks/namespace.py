"""The namespace of tasks: one collection per noun. Task modules import nothing heavy at their top."""

from importlib import import_module

from invoke.collection import Collection

NOUNS = ("sandbox", "plugin", "dataset", "suite", "stack", "report", "audit", "ops", "bench")
FURTHER: dict[str, tuple[str, ...]] = {  # more modules of a noun with many tasks
    "dataset": ("dataset_check", "dataset_import", "dataset_versions", "dataset_policy", "dataset_load"),
    "suite": ("suite_against",),
    "report": ("report_compare", "report_baseline"),
    "ops": ("ops_reconcile",),
}


def build() -> Collection:
    """Return the root collection."""
    root = Collection()
    for noun in NOUNS:
        root.add_collection(_collection(noun))
    quality = import_module("sandbox_suite.tasks.quality")
    for name in ("check", "test"):
        root.add_task(getattr(quality, name), name=name)
    for collection in (root, *root.collections.values()):
        for task in collection.tasks.values():
            task.auto_shortflags = False  # given by order of collision, they would change with every new option
    return root


def _collection(noun: str) -> Collection:
    collection = Collection(noun)
    for name in (noun, *FURTHER.get(noun, ())):
        for task in Collection.from_module(import_module(f"sandbox_suite.tasks.{name}")).tasks.values():
            collection.add_task(task)
    return collection
