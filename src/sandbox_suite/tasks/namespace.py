"""The namespace of tasks: one collection per noun. Task modules import nothing heavy at their top."""

from importlib import import_module

from invoke.collection import Collection

NOUNS = ("sandbox", "plugin", "dataset", "stack", "report", "audit", "ops", "bench")


def build() -> Collection:
    """Return the root collection."""
    root = Collection()
    for noun in NOUNS:
        root.add_collection(Collection.from_module(import_module(f"sandbox_suite.tasks.{noun}"), name=noun))
    quality = import_module("sandbox_suite.tasks.quality")
    for name in ("check", "test"):
        root.add_task(getattr(quality, name), name=name)
    for collection in (root, *root.collections.values()):
        for task in collection.tasks.values():
            task.auto_shortflags = False  # given by order of collision, they would change with every new option
    return root
