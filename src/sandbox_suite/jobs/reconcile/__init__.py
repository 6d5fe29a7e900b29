"""Reconcile: what the records of an installation say, against each other and against what is there.

`look` compares and touches nothing; `mend` takes back what is safely mended; `settle` does both until nothing is left
to mend.
"""

import getpass

from sandbox_suite.core.settings import Settings
from sandbox_suite.jobs.reconcile.looking import look
from sandbox_suite.jobs.reconcile.mending import Mending, mend, settle
from sandbox_suite.jobs.reconcile.model import Difference


def actor(settings: Settings) -> str:
    """Return who runs this process, for the audit."""
    return settings.actor or getpass.getuser()


__all__ = ["Difference", "Mending", "actor", "look", "mend", "settle"]
