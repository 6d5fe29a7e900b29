"""The golden database: an attested dataset loaded once, proved, stopped cleanly, and cloned for each sandbox.

`ensure` makes it where it is missing; `choose` says how sandboxes get their clones; `clone` makes one.
"""

from sandbox_suite.datasets.golden.building import ensure
from sandbox_suite.datasets.golden.choice import choose
from sandbox_suite.datasets.golden.clones import clone
from sandbox_suite.datasets.golden.model import Backend, Golden, Setting
from sandbox_suite.datasets.golden.names import BUILDER, LABEL, OWNER, PGDATA, REPOSITORY, builder, cache_key

__all__ = [
    "BUILDER",
    "LABEL",
    "OWNER",
    "PGDATA",
    "REPOSITORY",
    "Backend",
    "Golden",
    "Setting",
    "builder",
    "cache_key",
    "choose",
    "clone",
    "ensure",
]
