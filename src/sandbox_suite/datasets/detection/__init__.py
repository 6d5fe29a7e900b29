"""Detection: which columns look like personal data. It proposes and vetoes; default deny is the guarantee."""

from sandbox_suite.datasets.detection.columns import Detected, detect
from sandbox_suite.datasets.detection.veto import veto

__all__ = ["Detected", "detect", "veto"]
