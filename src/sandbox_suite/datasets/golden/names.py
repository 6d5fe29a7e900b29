"""What golden databases are called, and what they follow from."""

import hashlib
from pathlib import Path

from sandbox_suite.core.files import canonical
from sandbox_suite.datasets.store import Attested
from sandbox_suite.postgres import ddl

REPOSITORY = "sandbox-suite/golden"
LABEL = "sandbox-suite.golden"  # of the image or volume, and of what starts from the image: the cache key
# Whose golden volume it is. Not the label of installations: what carries that belongs to a job, for those who clear up.
OWNER = "sandbox-suite.golden-of"
# The container that fills a golden database has a name and no labels of ours: they would go into the image, and a sweep
# of sandboxes would take it away. The end of the name tells two installations on one engine apart.
BUILDER = "sandbox-suite-golden"
RECIPE = 1  # raise when the same dataset should become another database
PGDATA = "/data/pg"  # the image's own cluster, on the writable root, so that a commit keeps it
FOLDER = "/data/run"  # where a volume is mounted, and where every sandbox has its cluster
CLUSTER = f"{FOLDER}/pg"


def cache_key(attested: Attested, image_id: str) -> str:
    """Return what one golden database follows from, as 12 hex digits: content, DDL, PostgreSQL's image, this recipe."""
    tables = attested.manifest["tables"]
    made_of = [attested.digest, ddl.create_tables(tables), ddl.create_keys(tables), image_id, RECIPE]
    return hashlib.sha256(canonical(made_of)).hexdigest()[:12]


def builder(key: str, locks: Path) -> str:
    """Return the name of the container that fills the golden database of `key`, and of its volume."""
    return f"{BUILDER}-{key}-{hashlib.sha256(str(locks.absolute()).encode()).hexdigest()[:6]}"
